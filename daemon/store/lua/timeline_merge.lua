-- uses: timeline
-- Adds the shares of a newly followed subject to a timeline, if there is one.  KEYS: timeline.  ARGV: cap, slack, ids
-- Returns 1 if there is a timeline.
local header = redis.call('LINDEX', KEYS[1], -1)
if not header then return 0 end
local floor, ordered = timeline_header(header)
for i = #ARGV, 3, -1 do
  if not floor or tonumber(ARGV[i]) > floor then redis.call('LPUSH', KEYS[1], ARGV[i]) end
end
if floor and redis.call('LLEN', KEYS[1]) > tonumber(ARGV[1]) + tonumber(ARGV[2]) + 1 then
  timeline_settle(KEYS[1], floor, ordered, tonumber(ARGV[1]))
end
return 1
