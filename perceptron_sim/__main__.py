"""``python -m perceptron_sim``: the command line."""

from perceptron_sim.entry import main

if __name__ == "__main__":
    main()
