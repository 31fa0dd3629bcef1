-- Which shares of a profile have no body.  KEYS: profile.  ARGV: prefix of body keys, ids
local gone = {}
for i = 2, #ARGV do
  local lost = ARGV[i] ~= 'capped' and redis.call('EXISTS', ARGV[1] .. ARGV[i]) == 0
  if lost and redis.call('ZSCORE', KEYS[1], ARGV[i]) then gone[#gone + 1] = ARGV[i] end
end
return gone
