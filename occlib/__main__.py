"""`python -m occlib`, and `accelerate launch -m occlib train ...` on several GPUs."""

from occlib.cli import main

if __name__ == "__main__":
    main()
