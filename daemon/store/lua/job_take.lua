-- uses: job
-- Counts a try at an entry that somebody began before and did not finish, before it is begun again: a crash cannot lose that.
-- One life of a daemon counts once, however often it loses its link to Redis.
-- KEYS: log, tries, place.  ARGV: consumer, stream id, id, which life of the daemon
-- Returns how often it was tried so, this time included (0: the entry is not ours), and the place saved, if any.
if not job_is_ours() then return {0} end
local place = redis.call('GET', KEYS[3])
local tries, life = string.match(redis.call('HGET', KEYS[2], ARGV[3]) or '0 ', '^(%d+) (.*)$')
if life ~= ARGV[4] then
  tries = tries + 1
  redis.call('HSET', KEYS[2], ARGV[3], string.format('%d %s', tries, ARGV[4]))
end
return {tonumber(tries), place}
