-- How much there is of a subject.  KEYS: followers, following, profile, timeline
-- Returns how many followers, how many it follows, how many shares its profile holds, whether older ones were dropped, and how
-- many entries its timeline has (without the header; -1: there is no timeline).
local capped = redis.call('ZSCORE', KEYS[3], 'capped') and 1 or 0
return {redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3]) - capped, capped,
  redis.call('LLEN', KEYS[4]) - 1}
