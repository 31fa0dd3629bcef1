-- flags: allow-oom
-- Which words name a subject that is not described so; they are taken away to mend it.
-- KEYS: words.  ARGV: 1 to mend, prefix of the keys of descriptions, members
-- Returns the subjects.
local stray = {}
for i = 3, #ARGV do
  local subject = string.match(ARGV[i], '\n(.*)$') or ''
  local words = '\t' .. (redis.call('HGET', ARGV[2] .. subject, 'words') or '') .. '\t'
  if not string.find(words, '\t' .. ARGV[i] .. '\t', 1, true) and redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    stray[#stray + 1] = subject
    if ARGV[1] == '1' then redis.call('ZREM', KEYS[1], ARGV[i]) end
  end
end
return stray
