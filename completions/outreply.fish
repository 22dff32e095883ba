# fish completion for outreply; fish 3 and later.

function __outreply_complete
    set -l line (commandline -opc)
    set -l program (string replace -r '^~' $HOME -- $line[1])
    set -l typed (commandline -ct)
    set -l lines (command $program __complete $line[2..] "$typed" 2>/dev/null)
    test (count $lines) -gt 0; or return
    printf '%s\n' $lines[1..-2]
    set -l before (string match -r '^--[^=]*=' -- $typed)
    switch $lines[-1]
        case ':files'
            __fish_complete_path (string replace -r '^--[^=]*=' '' -- $typed) | string replace -r '^' "$before"
        case ':directories'
            __fish_complete_directories (string replace -r '^--[^=]*=' '' -- $typed) '' | string replace -r '^' "$before"
    end
end

complete -c outreply -f -a '(__outreply_complete)'
