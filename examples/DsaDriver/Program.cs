using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Examples;
using Ioasis.Examples.Dsa;
using Ioasis.Memory;

// Drives a DSA. See docs/dma-api.md.
const string Usage = $"""
    usage: DsaDriver [OPTION...] COMMAND
      info                     the device and its PASIDs
      verify MIB               random work on MIB of bytes for each queue, checked
      bench SECONDS            moves by polling: how many a second, on the driver's queue and on a user queue
    options:
    {ProgramHome.Options}
      --block BYTES            bytes of a descriptor; 16384 by default
      --depth N                descriptors at a time on each queue; 8 by default
      --queues N               user queues; 2 by default
      --resets N               of verify: resets while descriptors run
    """;

try
{
    var arguments = new DriverArguments(args);
    int block = arguments.Take("--block", 16384), depth = arguments.Take("--depth", 8);
    int queues = arguments.Take("--queues", 2), resets = arguments.Take("--resets", 0);
    using var home = new ProgramHome(arguments, "dsa", "dsa");
    string[] command = arguments.Operands();
    using DriverFunction function = home.Open();
    using var device = new DsaAccelerator(function);
    switch (command)
    {
        case ["info"]:
            Console.WriteLine($"{function.Name}: {device.Queue.Entries} entries a queue, {device.MaxTransfer} bytes a "
                + $"descriptor, {device.MostUserQueues} user queues; "
                + (device.Queue.Pasid is { } pasid ? $"the driver sends PASID {pasid}" : "the driver sends no PASID"));
            return 0;
        case ["verify", var mib]:
            var run = new VerifyRun(device, home.Nodes, block, depth);
            string? wrong = await run.Run((long)DriverArguments.Number(mib) << 20, queues, resets);
            if (wrong is not null) return Fail(wrong);
            Console.WriteLine($"verified {mib} MiB on each of {queues + 1} queues in descriptors of up to {block} "
                + $"bytes, {depth} at a time, {device.Resets} resets");
            return 0;
        case ["bench", var seconds]:
            Bench(device, home.Nodes, block, depth, TimeSpan.FromSeconds(DriverArguments.Number(seconds)));
            return 0;
        default:
            return Fail($"\"{string.Join(' ', command)}\" is no command.\n{Usage}");
    }
}
catch (ArgumentException mistake)
{
    return Fail($"{mistake.Message}\n{Usage}");
}

static void Bench(DsaAccelerator device, NodeTransport nodes, int block, int depth, TimeSpan time)
{
    IommuStatus status = device.Function.Dma.AllocateCoherent(2 * (ulong)block, out DmaBuffer? buffer);
    if (status != IommuStatus.Ok) throw new IOException($"There is no memory: {status}.");
    using (buffer)
    {
        Iova source = buffer!.Address, target = new(source.Value + (ulong)block);
        BenchRun.Run(device.Queue, source, target, block, depth, time / 4); // until all code is compiled
        Console.WriteLine($"driver's queue: {BenchRun.Run(device.Queue, source, target, block, depth, time)}");
    }

    if (device.OpenUserQueue(nodes, out DsaQueue? queue) != IommuStatus.Ok) return;
    using UserMemory memory = nodes.Allocate(2 * (ulong)block);
    using (queue)
    {
        Iova source = new(memory.Address.Value), target = new(source.Value + (ulong)block);
        Console.WriteLine($"user queue: {BenchRun.Run(queue!, source, target, block, depth, time)}");
    }
}

static int Fail(string message)
{
    Console.Error.WriteLine(message);
    return 1;
}
