from memwatch.cli import main

main()
