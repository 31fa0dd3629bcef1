-- Reports what a daemon has of subjects of one partition, where that is still asked for.
-- KEYS: presence, …  ARGV: daemon, `watching listening home`, …  Returns how many are.
local time = redis.call('TIME')
local now, count = string.format('%.0f ', time[1] * 1000 + math.floor(time[2] / 1000)), 0
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('HSET', KEYS[i], ARGV[1], now .. ARGV[i + 1])
    count = count + 1
  end
end
return count
