-- The subjects that a reader follows, whom it has muted, whom it has blocked, who has blocked it, and what it keeps of those it
-- followed once; and the log position of its partition that all of this stands for.
-- KEYS: meta, following, muted, blocked, blockers, kept
local loaded = {redis.call('HGET', KEYS[1], 'last')}
for i = 2, 5 do loaded[i] = redis.call('ZRANGE', KEYS[i], 0, -1) end
loaded[6] = redis.call('ZRANGE', KEYS[6], 0, -1, 'WITHSCORES')
return loaded
