-- Where a share stands.  KEYS: log, body, place, parked.  ARGV: stream id, id
-- Returns the beginning of its body ('': there is none), whether its entry is in the log, whether that was dealt to a daemon,
-- who holds it, for how many ms it was silent about it, how often it was dealt ('', 0, 0: nobody holds it), how far its fan-out
-- has come ('': it is not in between), and what is kept of it if it is parked ('': it is not).
local delivered = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  for i = 1, #group, 2 do
    if group[i] == 'last-delivered-id' then delivered = group[i + 1] end
  end
end
local held = redis.call('XPENDING', KEYS[1], 'appliers', ARGV[1], ARGV[1], 1)[1] or {'', '', 0, 0}
local there = #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
local before = #redis.call('XRANGE', KEYS[1], ARGV[1], delivered, 'COUNT', 1)
return {redis.call('GETRANGE', KEYS[2], 0, 255), there, there > 0 and before or 0, held[2], held[3], held[4],
  redis.call('GET', KEYS[3]) or '', redis.call('HGET', KEYS[4], ARGV[2]) or ''}
