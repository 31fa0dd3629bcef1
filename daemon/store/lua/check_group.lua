-- How the consumer group of a log is, and how far it has come, as far as entries are there.  KEYS: meta, log, parked
-- Returns the last id by the hash and by the stream, up to which stream id everything is applied, the pending stream ids that
-- have no entry, some of them, and the parked ids.
local log, last_ms, last_sequence = redis.call('XINFO', 'STREAM', KEYS[2]), 0, 0
for i = 1, #log, 2 do
  if log[i] == 'last-generated-id' then last_ms, last_sequence = string.match(log[i + 1], '^(%d+)-(%d+)$') end
end
local applied, lost = '0-0', {}
for _, held in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  for i = 1, #held, 2 do
    if held[i] == 'last-delivered-id' then applied = held[i + 1] end
  end
end
local pending = redis.call('XPENDING', KEYS[2], 'appliers', '-', '+', 128)
for i = #pending, 1, -1 do
  local id = pending[i][1]
  if #redis.call('XRANGE', KEYS[2], id, id) == 0 then
    lost[#lost + 1] = id
  else
    local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
    applied = sequence == '0' and string.format('%d-%s', ms - 1, '127') or string.format('%s-%d', ms, sequence - 1)
  end
end
return {redis.call('HGET', KEYS[1], 'last') or '0',
  string.format('%d', last_ms * 8192 + last_sequence * 64), applied, lost, redis.call('HKEYS', KEYS[3])}
