"""Write what each program prints under PyTorch: `python -m tests.mission.write_expected`.

Made with PyTorch 2.13.0; needs it.
"""

from .running import DIGITS, HERE, PROGRAMS, run_here


def main() -> None:
    import torch  # here: the tests import this folder without it

    print(f"PyTorch {torch.__version__}")
    folder = HERE / "expected"
    folder.mkdir(exist_ok=True)
    for program in (*PROGRAMS, DIGITS):
        (folder / f"{program.stem}.txt").write_text(run_here(program.read_text(), program))
        print(program.stem)


if __name__ == "__main__":
    main()
