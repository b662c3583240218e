"""Completions for bash, zsh and fish: commands, flags, the values to choose from, files and folders."""

from .help_text import PROGRAM

NOTE = "# Made from llm2clip's --help by scripts/make_cli_files.py."


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def bash(commands):
    """One case a command: the words to offer, and what the flag before the cursor wants."""
    cases = "\n".join(_bash_case(command) for command in commands[1:])
    program = commands[0]
    groups = _groups(commands)
    first = " ".join([*program.commands, *(name for flag in program.flags for name in flag.names)])
    return f"""{NOTE}
_{PROGRAM}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words='' kind=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '{first}' -- "$current")
    return
  fi
  local command=${{COMP_WORDS[1]}}
  if [ "$COMP_CWORD" -gt 2 ] && [[ $command == @({groups}) ]]; then command+=" ${{COMP_WORDS[2]}}"; fi
  case $command in
{cases}
  esac
  case $kind in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
  esac
}}
complete -F _{PROGRAM} {PROGRAM}
"""


def _groups(commands):
    """The commands that hold others, as a pattern of the shells."""
    return "|".join(command.name for command in commands[1:] if command.commands)


def _bash_case(command):
    if command.commands:
        return f"    {command.name}) words='{' '.join(command.commands)}' ;;"
    lines = [f"    {_quoted(command.name)})", "      case $previous in"]
    for flag in command.flags:
        if flag.value:
            names = "|".join(flag.names)
            want = "kind=file" if flag.takes_file else "kind=folder" if flag.takes_folder else \
                f"words='{' '.join(flag.choices)}'"
            lines.append(f"        {names}) {want} ;;")
    names = " ".join(name for flag in command.flags for name in flag.names)
    lines.append(f"        *) if [[ $current == -* ]]; then words='{names}'")
    if command.positionals:
        lines[-1] += "; else kind=file"
    lines[-1] += "; fi ;;"
    return "\n".join([*lines, "      esac ;;"])


def zsh(commands):
    program = commands[0]
    names = _zsh_names(program)
    cases = "\n".join(f"    {_quoted(command.name)}) {_zsh_case(command)} ;;" for command in commands[1:])
    return f"""#compdef {PROGRAM}
{NOTE}
_{PROGRAM}() {{
  local -a commands
  commands=({names})
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments {' '.join(_zsh_specs(program))}
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  if (( CURRENT > 2 )) && [[ $command == ({_groups(commands)}) ]]; then
    command+=" $words[2]"
    shift words
    (( CURRENT-- ))
  fi
  case $command in
{cases}
  esac
}}
_{PROGRAM} "$@"
"""


def _zsh_names(command):
    return " ".join(_quoted(f"{name}:{words}") for name, words in command.commands.items())


def _zsh_case(command):
    if command.commands:
        return f"commands=({_zsh_names(command)}); _describe command commands"
    return f"_arguments -s {' '.join(_zsh_specs(command))}"


def _zsh_specs(command):
    for flag in command.flags:
        words = flag.words.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
        for name in flag.names:
            spec = f"*{name}[{words}]"
            if flag.value:
                spec += f":{flag.value.replace(':', ' ')}:{_zsh_action(flag)}"
            yield _quoted(spec)
    for flag in command.positionals:
        yield _quoted(f"*:{flag.names[0]}:{_zsh_action(flag)}")


def _zsh_action(flag):
    if flag.choices:
        return f"({' '.join(flag.choices)})"
    return "_files" if flag.takes_file else "_files -/" if flag.takes_folder else " "


def fish(commands):
    program = commands[0]
    lines = [NOTE, f"complete -c {PROGRAM} -f"]
    lines += [f"complete -c {PROGRAM} -n __fish_use_subcommand -a {name} -d {_quoted(words)}"
              for name, words in program.commands.items()]
    lines += [_fish_line("__fish_use_subcommand", flag) for flag in program.flags]
    for command in commands[1:]:
        seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in command.name.split())
        if command.commands:
            first = f"{seen}; and not __fish_seen_subcommand_from {' '.join(command.commands)}"
            lines += [f"complete -c {PROGRAM} -n {_quoted(first)} -a {name} -d {_quoted(words)}"
                      for name, words in command.commands.items()]
            continue
        lines += [_fish_line(seen, flag) for flag in command.flags]
        if command.positionals:
            lines.append(f"complete -c {PROGRAM} -n {_quoted(seen)} -F")
    return "\n".join(lines) + "\n"


def _fish_line(condition, flag):
    line = f"complete -c {PROGRAM} -n {_quoted(condition)}"
    for name in flag.names:
        line += f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}"
    if flag.choices:
        line += f" -x -a {_quoted(' '.join(flag.choices))}"
    elif flag.takes_file:
        line += " -r -F"
    elif flag.takes_folder:
        line += " -x -a '(__fish_complete_directories)'"
    elif flag.value:
        line += " -x"
    # What fish shows is one line; a quote must not end it.
    return line + " -d '" + flag.words.replace("\\", "\\\\").replace("'", "\\'") + "'"
