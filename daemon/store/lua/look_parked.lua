-- Some of the entries that nobody could finish.  KEYS: parked.  ARGV: how many
-- Returns how many there are in all, and [id, JSON, …].
return {redis.call('HLEN', KEYS[1]), redis.call('HRANDFIELD', KEYS[1], ARGV[1], 'WITHVALUES')}
