-- uses: timeline
-- Trims a timeline that has grown past cap + slack to its cap, by id. One whose builder has died is dropped: the next read
-- builds it.  KEYS: timeline.  ARGV: cap, slack, how long a builder may take in ms; and what the caller has pushed to it since the
-- cut of this mark: how many ids, the lowest, the last one, 1 if they came in order
-- Returns the mark of this cut, '0' if it has none.
local cap = tonumber(ARGV[1])
local length = redis.call('LLEN', KEYS[1])
if length <= cap + tonumber(ARGV[2]) + 1 then return '0' end
local header = redis.call('LINDEX', KEYS[1], -1)
local floor, ordered, mark = timeline_header(header)
if floor then
  -- Nobody else has pushed anything: the numbers are equal, and the foremost is the caller's.
  if mark ~= '0' and mark == ARGV[4] and length - 1 - ordered == tonumber(ARGV[5]) and
    redis.call('LINDEX', KEYS[1], 0) == ARGV[7] then
    return timeline_settle(KEYS[1], floor, ordered, cap, tonumber(ARGV[6]), ARGV[8] == '1')
  end
  return timeline_settle(KEYS[1], floor, ordered, cap)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local begun = tonumber(string.match(header, '^B(%d+)-'))
if now < begun or now - begun >= tonumber(ARGV[3]) then redis.call('UNLINK', KEYS[1]) end
return '0'
