using Ioasis.Client.Drivers;
using Ioasis.Examples;
using Ioasis.Examples.VirtioNet;

// Drives one or two virtio network cards. See docs/dma-api.md.
const string Usage = $"""
    usage: VirtioNetDriver [OPTION...] COMMAND
      info                     the card and its link
      verify FRAMES            sends random frames, and checks what arrives
      bench SECONDS            frames a second
    options:
    {ProgramHome.Options}
      --pair                   a second card, at the next address, is on the same link; else the card loops back
      --depth N                frames at a time; 32 by default
      --polls                  looks at the rings instead of waiting for interrupts
      --resets N               of verify: resets while frames are on their way
    """;
const string Second = "virtio-net,link=hub:pair,mac=52:54:00:12:34:57";

try
{
    var arguments = new DriverArguments(args);
    int depth = arguments.Take("--depth", 32), resets = arguments.Take("--resets", 0);
    bool isPair = arguments.Take("--pair"), polls = arguments.Take("--polls");
    string[] devices = isPair ? ["virtio-net,link=hub:pair", Second] : ["virtio-net"];
    using var home = new ProgramHome(arguments, "virtio-net", devices);
    string[] command = arguments.Operands();
    var options = new VirtioNicOptions { Polls = polls };
    using DriverFunction function = home.Open();
    using var card = new VirtioNic(function, options);
    using DriverFunction? other = isPair ? home.Open(1) : null;
    using VirtioNic? peer = other is null ? null : new VirtioNic(other, options);
    switch (command)
    {
        case ["info"]:
            Console.WriteLine($"{function.Name}: {Convert.ToHexString(card.Mac.Span)}, MTU {card.Mtu}, link "
                + (card.IsUp ? "up" : "down"));
            return 0;
        case ["verify", var count]:
            return await Verify(DriverArguments.Number(count));
        case ["bench", var seconds]:
            Console.WriteLine(await BenchRun.Run(
                card, peer ?? card, depth, TimeSpan.FromSeconds(DriverArguments.Number(seconds))));
            return 0;
        default:
            return Fail($"\"{string.Join(' ', command)}\" is no command.\n{Usage}");
    }

    async Task<int> Verify(int frames)
    {
        bool mayLose = resets > 0;
        long each = mayLose ? Math.Max(1, frames / (resets + 1)) : long.MaxValue;
        VerifyRun[] runs = peer is null
            ? [new VerifyRun(card, card, depth, mayLose, Reset)]
            : [new VerifyRun(card, peer, depth, mayLose, Reset), new VerifyRun(peer, card, depth, mayLose)];
        string?[] wrong = await Task.WhenAll(runs.Select(run => run.Run(frames)));
        if (wrong.FirstOrDefault(w => w is not null) is { } first) return Fail(first);
        Console.WriteLine($"verified {frames} frames {(peer is null ? "in a loop" : "in both directions")}, {depth} "
            + $"at a time, {card.Resets} resets");
        return 0;

        void Reset(long done)
        {
            if (done % each != 0 || done / each > resets) return;
            if (done / each % 2 == 0) function.Reset(); // the driver finds out
            else card.Reset();
        }
    }
}
catch (ArgumentException mistake)
{
    return Fail($"{mistake.Message}\n{Usage}");
}

static int Fail(string message)
{
    Console.Error.WriteLine(message);
    return 1;
}
