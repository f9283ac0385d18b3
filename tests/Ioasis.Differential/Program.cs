using System.Diagnostics;
using System.Globalization;
using Ioasis.Differential.Linux;
using Ioasis.Replay.Calls;
using Ioasis.Replay.Comparison;
using Ioasis.Replay.Generator;
using Ioasis.Replay.InProcess;
using Ioasis.Replay.Recordings;

const string usage = """
    Ioasis.Differential generate SEED CALLS                              prints a sequence
    Ioasis.Differential generate-vdpa SEED CALLS                         prints a sequence for vDPA devices
    Ioasis.Differential recording FILE                                   prints a recording of a sequence (replay)
    Ioasis.Differential vdpa-devices                                     prints the devices that those are for
    Ioasis.Differential calls                                            prints the ioctls that sequences are made of
    Ioasis.Differential play FILE                                        prints a sequence with our answers
    Ioasis.Differential compare BOOT KERNEL PLAYER SEED SEEDS CALLS
                                                 plays as many seeds, that one first, here and on Linux
    Ioasis.Differential compare-vdpa BOOT KERNEL PLAYER SEED SEEDS CALLS
                                                 the same with vDPA devices
    Ioasis.Differential shrink BOOT KERNEL PLAYER FILE
                                                 prints the shortest sequence that still shows a difference
    Ioasis.Differential record BOOT KERNEL PLAYER FOLDER SEED SEEDS CALLS    writes sequences with Linux's answers
    Ioasis.Differential record-vdpa BOOT KERNEL PLAYER FOLDER SEED SEEDS CALLS
                                                 the same with vDPA devices
    """;

switch (args)
{
    case ["generate", var seed, var count]:
        foreach (Call call in SequenceGenerator.Generate(Number(seed), Number(count)).Calls) Console.WriteLine(call);
        return 0;
    case ["generate-vdpa", var seed, var count]:
        foreach (Call call in VdpaSequenceGenerator.Generate(Number(seed), Number(count)).Calls)
            Console.WriteLine(call);
        return 0;
    case ["recording", var file]:
        SequenceRecording.Write(Call.ParseAll(File.ReadLines(file)), Console.Out);
        return 0;
    case ["vdpa-devices"]:
        foreach (string device in Player.VdpaDevices) Console.WriteLine(device);
        return 0;
    case ["calls"]:
        foreach (string line in CallTable.Lines()) Console.WriteLine(line);
        return 0;
    case ["play", var file]:
        List<Call> sequence = Call.ParseAll(File.ReadLines(file));
        foreach ((Call call, string answer) in sequence.Zip(Player.PlayAll(sequence)))
            Console.WriteLine($"{call} => {answer}");
        return 0;
    case ["compare", var boot, var kernel, var player, var seed, var seeds, var count]:
        return Compare(new Reference(boot, kernel, player), SequenceGenerator.Generate, Number(seed), Number(seeds),
            Number(count));
    case ["compare-vdpa", var boot, var kernel, var player, var seed, var seeds, var count]:
        return Compare(new Reference(boot, kernel, player), VdpaSequenceGenerator.Generate, Number(seed), Number(seeds),
            Number(count));
    case ["shrink", var boot, var kernel, var player, var file]:
        return Shrink(new Reference(boot, kernel, player), Call.ParseAll(File.ReadLines(file)));
    case ["record", var boot, var kernel, var player, var folder, var seed, var seeds, var count]:
        Record(new Reference(boot, kernel, player), SequenceGenerator.Generate, Path.Combine(folder, "seed-"),
            Number(seed), Number(seeds), Number(count));
        return 0;
    case ["record-vdpa", var boot, var kernel, var player, var folder, var seed, var seeds, var count]:
        Record(new Reference(boot, kernel, player), VdpaSequenceGenerator.Generate, Path.Combine(folder, "vdpa-"),
            Number(seed), Number(seeds), Number(count));
        return 0;
    default:
        Console.Error.WriteLine(usage);
        return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static int Shrink(Reference reference, List<Call> calls)
{
    List<Difference?> First(IReadOnlyList<IReadOnlyList<Call>> sequences) =>
    [
        .. reference.Play(sequences).Zip(sequences, (linux, candidate) =>
            Difference.Find(candidate, Player.PlayAll(candidate), linux).FirstOrDefault()),
    ];

    var shrinker = new Shrinker<Call>(sequences => [.. First(sequences).Select(d => d?.Index)], c => c.IsReset);
    if (shrinker.Shrink(calls) is not { } shrunk)
    {
        Console.WriteLine("There is no difference.");
        return 0;
    }

    foreach (Call call in shrunk) Console.WriteLine(call);
    Console.WriteLine($"# {First([shrunk])[0]}".ReplaceLineEndings("\n# "));
    return 1;
}

static void Record(Reference reference, Generator generate, string path, int first, int seeds, int count)
{
    List<int> numbers = [.. Enumerable.Range(first, seeds)];
    List<IReadOnlyList<Call>> recorded = [.. numbers.Select(s => generate(s, count).Calls)];
    foreach ((int number, IReadOnlyList<Call> calls, List<string> answers) in numbers.Zip(
        recorded, reference.Play(recorded)))
        AnsweredCalls.Write($"{path}{number}.txt.gz", calls, answers);
}

static int Compare(Reference reference, Generator generate, int first, int seeds, int count)
{
    const int seedsPerBoot = 5;
    int differences = 0;
    for (int done = 0; done < seeds; done += seedsPerBoot)
    {
        var time = Stopwatch.StartNew();
        int[] batch = [.. Enumerable.Range(first + done, Math.Min(seedsPerBoot, seeds - done))];
        List<(List<Call> Calls, List<string> Answers)> ours =
            [.. batch.Select(s => generate(s, count))];
        TimeSpan generated = time.Elapsed;
        List<List<string>> linux = reference.Play([.. ours.Select(o => o.Calls)]);
        for (int i = 0; i < batch.Length; i++)
        {
            List<Difference> found = Difference.Find(ours[i].Calls, ours[i].Answers, linux[i]);
            int succeeded = linux[i].Count(a => a.StartsWith('0'));
            Console.WriteLine($"seed {batch[i]}: {ours[i].Calls.Count} "
                + $"calls, {succeeded} succeeded on Linux, {found.Count} differences");
            foreach (Difference difference in found.Take(20)) Console.WriteLine($"seed {batch[i]}, {difference}");
            differences += found.Count;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"played here in {generated.TotalSeconds:f1} "
            + $"s, on Linux in {(time.Elapsed - generated).TotalSeconds:f1} s"));
    }

    return differences == 0 ? 0 : 1;
}

/// <summary>The calls of a seed and our answers.</summary>
internal delegate (List<Call> Calls, List<string> Answers) Generator(int seed, int count);
