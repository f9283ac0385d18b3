using Ioasis.Bench;

// Each benchmark is measured beside its baseline in C, in turn, in one run: what counts is the ratio.
return BenchCommand.Run(args, Console.Out, Console.Error);
