-- The subjects that a reader follows, whom it has muted, whom it has blocked, and who has blocked it; and the log position of
-- its partition that all of this stands for. KEYS: meta, following, muted, blocked, blockers
local loaded = {redis.call('HGET', KEYS[1], 'last')}
for i = 2, #KEYS do loaded[i] = redis.call('ZRANGE', KEYS[i], 0, -1) end
return loaded
