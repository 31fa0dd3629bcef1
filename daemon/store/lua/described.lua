-- What is said about subjects of one partition.  KEYS: their descriptions.  ARGV: `record` or `name`
-- Returns it for each, null for those that were never described.
local said = {}
for i = 1, #KEYS do said[i] = redis.call('HGET', KEYS[i], ARGV[1]) end
return said
