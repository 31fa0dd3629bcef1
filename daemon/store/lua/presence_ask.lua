-- Asks for the presence of a subject: for a while from now on every daemon reports what it has of it.
-- KEYS: meta, asked, presence.  ARGV: caller, subject, how long reports go on in ms, how old one may be, how soon every daemon has
--       reported
-- Returns for how many ms it is to be waited until every other daemon has had its turn, and [`watching listening home`, …].
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[2])
redis.call('HSETNX', KEYS[3], 'since', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[3], ARGV[3])
local wait, reports, others = 0, {}, false
local held = redis.call('HGETALL', KEYS[3])
for i = 1, #held, 2 do
  local at, numbers = string.match(held[i + 1], '^(%d+) (.+)$')
  if held[i] == 'since' then
    wait = tonumber(held[i + 1]) + ARGV[5] - now
  elseif held[i] ~= ARGV[1] and now - at <= tonumber(ARGV[4]) then
    reports[#reports + 1] = numbers
  end
end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  others = others or (string.find(field, 'linked:', 1, true) == 1 and field ~= 'linked:' .. ARGV[1])
end
return {others and math.max(wait, 0) or 0, reports}
