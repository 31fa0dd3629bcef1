-- uses: popular
-- What has most of something in one partition: each with its number as of now.
-- KEYS: all time, or the hours that the window reaches into.
-- ARGV: prefix of the sets that are counted, lowest id that counts, how many are wanted
-- Returns the number that nobody who is not known here has more than, and [member, number, latest id, …], the most first.
local CANDIDATES = 512

local union, unknown = {'ZUNION', #KEYS}, 0
for _, key in ipairs(KEYS) do
  union[#union + 1] = key
  unknown = unknown + tonumber(redis.call('GET', popular_dropped(key)) or 0)
end
union[#union + 1] = 'WITHSCORES'
local ranked, found = redis.call(unpack(union)), {}
for i = #ranked - 1, math.max(#ranked - 2 * CANDIDATES, 1), -2 do
  local counted = redis.pcall('ZCOUNT', ARGV[1] .. ranked[i], ARGV[2], '+inf')
  if type(counted) == 'number' and counted > 0 then found[#found + 1] = {ranked[i], counted} end
end
-- What was not looked at has no more than it was known for.
if #ranked > 2 * CANDIDATES then unknown = math.max(unknown, tonumber(ranked[#ranked - 2 * CANDIDATES])) end
table.sort(found, function(a, b) return a[2] > b[2] or (a[2] == b[2] and a[1] < b[1]) end)
local results = {}
for i = 1, math.min(#found, tonumber(ARGV[3])) do
  local latest = redis.call('ZRANGE', ARGV[1] .. found[i][1], 0, 0, 'REV', 'WITHSCORES')
  results[#results + 1], results[#results + 2], results[#results + 3] = found[i][1], found[i][2], latest[2]
end
return {unknown, results}
