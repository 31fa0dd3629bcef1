-- uses: timeline
-- Trims a timeline that has grown past cap + slack to its cap, by id.  KEYS: timeline.  ARGV: cap, slack
-- Returns 1 if it was trimmed.
local cap = tonumber(ARGV[1])
if redis.call('LLEN', KEYS[1]) <= cap + tonumber(ARGV[2]) + 1 then return 0 end
local floor = timeline_floor(redis.call('LINDEX', KEYS[1], -1))
if not floor then return 0 end
timeline_write(KEYS[1], timeline_ids(KEYS[1]), floor, cap)
return 1
