-- A page of followers or of subjects followed, latest first, and how many there are in all.
-- KEYS: sorted set.  ARGV: highest score to show ('+inf': from the top), limit
return {redis.call('ZCARD', KEYS[1]), redis.call('ZRANGE', KEYS[1], ARGV[1], 1, 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2], 'WITHSCORES')}
