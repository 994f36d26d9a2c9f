"""Write what each program and example prints under PyTorch.

    python -m tests.mission.write_expected [name ...]

Without names it writes all.  Made with PyTorch 2.13.0; needs it.
"""

import sys

from .running import EXAMPLES, HERE, PROGRAMS, run_here


def main() -> None:
    import torch  # here: the tests import this folder without it

    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}")
    programs = [*PROGRAMS, *EXAMPLES]
    unknown = set(sys.argv[1:]) - {program.stem for program in programs}
    if unknown:
        sys.exit(f"no such program: {', '.join(sorted(unknown))}")
    chosen = [program for program in programs if program.stem in sys.argv[1:] or not sys.argv[1:]]
    folder = HERE / "expected"
    folder.mkdir(exist_ok=True)
    for program in chosen:
        (folder / f"{program.stem}.txt").write_text(run_here(program))
        print(program.stem)


if __name__ == "__main__":
    main()
