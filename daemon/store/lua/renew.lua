-- Shows that work on entries goes on: renews the idle time of those that are still ours.
-- KEYS: log.  ARGV: consumer, then stream ids.  Returns how many are ours.
local count = 0
for i = 2, #ARGV do
  local held = redis.call('XPENDING', KEYS[1], 'appliers', ARGV[i], ARGV[i], 1)
  if #held > 0 and held[1][2] == ARGV[1] then
    redis.call('XCLAIM', KEYS[1], 'appliers', ARGV[1], 0, ARGV[i], 'JUSTID')
    count = count + 1
  end
end
return count
