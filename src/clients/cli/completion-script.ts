/** Before a brace, where a template would begin. */
const dollar = '$';

/** Completion for bash 3.2 and later. What was typed is only ever an argument, never evaluated, and nothing else has to be installed. */
const bash = String.raw`# bash completion for tollgate
_tollgate() {
    local line value current="${dollar}{COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    while IFS= read -r line; do
        value="${dollar}{line%%$'\t'*}"
        case "$value" in
            :*) ;;
            "$current"*) COMPREPLY[${dollar}{#COMPREPLY[@]}]="$value" ;;
        esac
    done < <(command tollgate complete -- "${dollar}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
}
complete -o bashdefault -o default -F _tollgate tollgate
`;

/** The same for zsh: to be sourced, or kept as _tollgate in a folder of fpath. */
const zsh = String.raw`#compdef tollgate
_tollgate() {
    local line
    local -a found
    while IFS= read -r line; do
        [[ "$line" == :* || -z "$line" ]] && continue
        line="${dollar}{line//:/\\:}"
        found+=("${dollar}{line/$'\t'/:}")
    done < <(command tollgate complete -- "${dollar}{(@)words[2,CURRENT]}" 2>/dev/null </dev/null)
    if (( ${dollar}{#found} )); then
        _describe tollgate found
    else
        _files
    fi
}
if [[ "${dollar}{funcstack[1]}" == _tollgate ]]; then
    _tollgate "$@"
else
    compdef _tollgate tollgate
fi
`;

/** The same for PowerShell, whose versions before 7.3 drop an empty argument. */
const powershell = String.raw`# PowerShell completion for tollgate
Register-ArgumentCompleter -Native -CommandName tollgate -ScriptBlock {
    param($WordToComplete, $CommandAst, $CursorPosition)
    $Words = @($CommandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $CursorPosition } | ForEach-Object { $_.Extent.Text })
    if ($WordToComplete -eq '') {
        if ($PSVersionTable.PSVersion -lt [version]'7.3') { $Words += '""' } else { $Words += '' }
    }
    & tollgate complete '--' $Words 2>$null | ForEach-Object {
        $Value, $Description = $_ -split [char]9, 2
        if ($Value.StartsWith(':') -or -not $Value.StartsWith($WordToComplete)) { return }
        if (-not $Description) { $Description = $Value }
        [System.Management.Automation.CompletionResult]::new($Value, $Value, 'ParameterValue', $Description)
    }
}
`;

/** The scripts of our own: the library's for these shells run what stands on the line. */
export const completionScripts: ReadonlyMap<string, string> = new Map([['bash', bash], ['zsh', zsh], ['powershell', powershell]]);
