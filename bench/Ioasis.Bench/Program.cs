using Ioasis.Bench;

// Each benchmark and its baseline in C take turns in one run: only the ratio matters.
return BenchCommand.Run(args, Console.Out, Console.Error);
