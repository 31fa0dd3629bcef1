-- flags: allow-oom
-- How many of the words by which a subject is found are missing, which are put there to mend it.
-- KEYS: its description, words.  ARGV: 1 to mend
local missing = 0
for member in string.gmatch(redis.call('HGET', KEYS[1], 'words') or '', '[^\t]+') do
  if not redis.call('ZSCORE', KEYS[2], member) then
    missing = missing + 1
    if ARGV[1] == '1' then redis.call('ZADD', KEYS[2], 0, member) end
  end
end
return missing
