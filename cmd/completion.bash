# Completion for the programs of Imprint. What there is to complete, each
# program's own --help says.

# Of the help on standard input: the commands, "order create".
_imprint_commands()
{
	sed -n '/^commands:/,/^$/s/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p'
}

# The options; those with a value alone when $1 is " ".
_imprint_options()
{
	sed -n "s/^  \\(--[a-z0-9-]*\\)$1.*/\\1/p"
}

_imprint()
{
	local program=$1 word=$2 command= help commands words valued i w

	help=$("$program" --help 2>/dev/null) || return
	commands=$(_imprint_commands <<<"$help")
	# the words of the command so far: no options, none of their values
	valued=$(_imprint_options ' [A-Z]' <<<"$help")
	for ((i = 1; i < COMP_CWORD; i++)); do
		w=${COMP_WORDS[i]}
		case $w in
		-*)
			grep -qxe "$w" <<<"$valued" && ((i++))
			;;
		*)
			grep -qe "^${command:+$command }$w\\( \\|$\\)" \
			    <<<"$commands" || break
			command=${command:+$command }$w
			;;
		esac
	done
	case $word in
	-*)
		# shellcheck disable=SC2086 # its words
		words=$("$program" $command --help 2>/dev/null |
		    _imprint_options '')
		;;
	*)
		words=$(sed -n "s/^${command:+$command }\\([a-z-]*\\).*/\\1/p" \
		    <<<"$commands")
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _imprint imprint imprintd imprint-device \
    imprint-station imprint-tpm imprint-verify
