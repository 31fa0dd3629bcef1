-- uses: timeline
-- Ends the building of a timeline, if it is still ours.  KEYS: timeline.  ARGV: mark, cap, floor, ids
-- Returns 1 if it was ours.
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then return 0 end
local ids = timeline_ids(KEYS[1])
for i = 4, #ARGV do ids[#ids + 1] = tonumber(ARGV[i]) end
timeline_write(KEYS[1], ids, tonumber(ARGV[3]), tonumber(ARGV[2]))
return 1
