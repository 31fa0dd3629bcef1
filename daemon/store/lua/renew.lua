-- Shows that work on an entry goes on: renews its idle time if it is still ours.
-- KEYS: log.  ARGV: consumer, stream id.  Returns 1 if it is ours.
local held = redis.call('XPENDING', KEYS[1], 'appliers', ARGV[2], ARGV[2], 1)
if #held == 0 or held[1][2] ~= ARGV[1] then return 0 end
redis.call('XCLAIM', KEYS[1], 'appliers', ARGV[1], 0, ARGV[2], 'JUSTID')
return 1
