-- uses: timeline
-- Ends the building of a timeline, if it is still ours.  KEYS: timeline.  ARGV: mark, cap, floor, ids
-- Returns 1 if it was ours.
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then return 0 end
for first = 4, #ARGV, 1000 do redis.call('LPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV))) end
timeline_settle(KEYS[1], tonumber(ARGV[3]), 0, tonumber(ARGV[2]))
return 1
