-- A page of the deletions of one partition, oldest first.  KEYS: meta, deletions.  ARGV: lowest position, highest, limit
-- Returns the highest position whose deletion is forgotten, and [member, position, …], of members `share:author`,
-- `c<comment>:share:author`, `e<share>:author` and `gap:after`.
return {
  redis.call('HGET', KEYS[1], 'forgotten') or '0',
  redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES'),
}
