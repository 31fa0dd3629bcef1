-- Whether one of two blocks the other.  KEYS: whom the one blocks, who blocks it.  ARGV: the other one.  Returns 1 or 0.
return (redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('ZSCORE', KEYS[2], ARGV[1])) and 1 or 0
