-- What is there still, of shares and comments of one partition.
-- KEYS: body of the share, or comments under one, …  ARGV: '0', or the comment, …  Returns 1 or 0 for each.
local standing = {}
for i = 1, #KEYS do
  if ARGV[i] == '0' then
    standing[i] = redis.call('EXISTS', KEYS[i])
  else
    standing[i] = string.find(redis.call('HGET', KEYS[i], ARGV[i]) or '', '^%d+ .') and 1 or 0
  end
end
return standing
