# bash completion for outreply. Works with bash 3.2 (macOS) and later, without bash-completion.

_outreply() {
    local line=${COMP_LINE:0:COMP_POINT} i word blanks last cur value meaning directive=
    local -a words=()
    # bash also splits words at : and =, so the line is split again at blanks.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        blanks=${line%%[![:space:]]*}
        line=${line#"$blanks"}
        ((i == COMP_CWORD)) && word=$line
        line=${line#"$word"}
        last=
        ((${#words[@]})) && last=${words[${#words[@]} - 1]}
        if [[ -n $last && -z $blanks && ($word == [:=]* || $last == *[:=]) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${words[${#words[@]} - 1]}
    COMPREPLY=()
    local -a values=()
    while IFS=$'\t' read -r value meaning; do
        if [[ $value == :* ]]; then
            directive=${value#:}
            continue
        fi
        values+=("$value")
        # Meanings are shown in a list of candidates, never put on the line.
        if [[ -n $meaning && $COMP_TYPE != 9 && $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
            value="$value  ($meaning)"
        fi
        COMPREPLY+=("$value")
    done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
    ((${#values[@]} == 1)) && COMPREPLY=("${values[0]}")
    [[ $directive == nospace ]] && compopt -o nospace 2>/dev/null
    if [[ $directive == files || $directive == directories ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do
            COMPREPLY+=("$value")
        done < <(compgen "-${directive:0:1}" -- "$cur" 2>/dev/null)
    fi
    # bash replaces only what follows the last : or = of the word.
    for word in : =; do
        if [[ $cur == *$word* && $COMP_WORDBREAKS == *$word* ]]; then
            last=${cur%"${cur##*"$word"}"}
            COMPREPLY=("${COMPREPLY[@]#"$last"}")
            cur=${cur#"$last"}
        fi
    done
    compopt -o nosort 2>/dev/null
    return 0
}

complete -F _outreply outreply
