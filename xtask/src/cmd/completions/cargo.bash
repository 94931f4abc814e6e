
# `cargo xtask …` completes as `xtask …`, every other cargo command as before.
_xtask_of_cargo() {
    if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == xtask ]]; then
        COMP_WORDS=("${COMP_WORDS[@]:1}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _xtask xtask "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    elif [[ -n ${_xtask_cargo_before:-} ]]; then
        "$_xtask_cargo_before" "$@"
    elif [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W xtask -- "${COMP_WORDS[1]}"))
    fi
}
# bash-completion loads cargo's own only when it is first asked for.
if ! complete -p cargo &>/dev/null && declare -F _completion_loader >/dev/null; then
    _completion_loader cargo &>/dev/null
fi
if [[ $(complete -p cargo 2>/dev/null) =~ \ -F\ ([^ ]+)\  && ${BASH_REMATCH[1]} != _xtask_of_cargo ]]; then
    _xtask_cargo_before=${BASH_REMATCH[1]}
fi
complete -F _xtask_of_cargo -o nosort -o bashdefault -o default cargo
