using System.Diagnostics;
using System.Globalization;
using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Examples.Nvme;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

// Drives an NVMe controller. See docs/dma-api.md.
const string Usage = """
    usage: NvmeDriver [OPTION...] COMMAND
      info                     the controller and its namespace, and the I/O addresses that there are
      read OFFSET LENGTH       bytes of the disk, to standard output
      write OFFSET             standard input, whole blocks, to the disk
      verify MIB               overwrites the first MIB in random order, then reads and checks them
      bench SECONDS            random reads by polling: commands a second
    options:
      --device BDF|NODE        the function, or a VFIO node; 1000:00:05.0 by default
      --process                a machine in this process instead of the nodes of this system
      --host                   the same, and the driver is one of the host's
      --block BYTES            bytes of a command; 4096 by default
      --depth N                commands in flight; 32 by default
      --queues N               I/O queues with interrupts; the number of processors by default
      --resets N               of verify: resets while the commands run
      --map                    of bench: map and unmap for each command
    """;

string device = "1000:00:05.0";
bool isInProcess = false, isInHost = false, maps = false;
int block = 4096, depth = 32, resets = 0, queues = Environment.ProcessorCount;
var words = new Queue<string>();
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--device" when i + 1 < args.Length: device = args[++i]; break;
        case "--process": isInProcess = true; break;
        case "--host": isInProcess = isInHost = true; break;
        case "--map": maps = true; break;
        case "--block" when i + 1 < args.Length: block = (int)Number(args[++i]); break;
        case "--depth" when i + 1 < args.Length: depth = (int)Number(args[++i]); break;
        case "--queues" when i + 1 < args.Length: queues = (int)Number(args[++i]); break;
        case "--resets" when i + 1 < args.Length: resets = (int)Number(args[++i]); break;
        case ['-', ..]: return Fail($"{args[i]} is no option, or lacks its value.");
        default: words.Enqueue(args[i]); break;
    }
}

if (!words.TryDequeue(out string? command)) return Fail("A command is missing.");
using SoftwareMachine? machine =
    isInProcess ? SoftwareMachine.Create(MachineDescription.Default.WithDevice($"nvme@{device},size=64M")) : null;
using NodeTransport nodes = machine is null ? NodeTransport.OfSystem() : NodeTransport.InProcess(machine);
using DriverFunction function = !RequesterId.TryParse(device, out RequesterId requester)
    ? VfioFunction.Open(nodes, device)
    : isInHost ? HostDriverFunction.Open(machine!, requester, "nvme")
    : VfioFunction.Open(nodes, requester);
using var disk = new NvmeDisk(function, new NvmeDiskOptions
{
    Queues = queues,
    PolledQueues = command == "bench" ? 1 : 0,
    HealthCheck = TimeSpan.FromMilliseconds(100),
});

switch (command)
{
    case "info" when words.Count == 0:
        Console.WriteLine($"{function.Name}: \"{disk.Model}\", serial \"{disk.Serial}\", "
            + $"{disk.Length / disk.BlockSize} blocks of {disk.BlockSize} bytes, {disk.MaxTransfer} bytes a command");
        if (function is VfioFunction { Space.Ioas.IovaRanges: var ranges })
            Console.WriteLine($"IOVAs {string.Join(", ", ranges.Select(r => $"0x{r.First:x}-0x{r.Last:x}"))}");
        return 0;
    case "read" when words.Count == 2:
        return await Read(Number(words.Dequeue()), Number(words.Dequeue()));
    case "write" when words.Count == 1:
        return await Write(Number(words.Dequeue()));
    case "verify" when words.Count == 1:
        long bytes = Number(words.Dequeue()) << 20;
        var check = new VerifyRun(disk, function, block, depth, resets);
        long start = Stopwatch.GetTimestamp();
        string? wrong = await check.Run(bytes);
        if (wrong is not null) return Fail(wrong);
        Console.WriteLine($"verified {bytes >> 20} MiB in commands of {block} bytes, {depth} at a time, "
            + $"{disk.Resets} resets");
        Console.Error.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:f1} s");
        return 0;
    case "bench" when words.Count == 1:
        Console.WriteLine(BenchRun.Run(disk, function.Dma, block, depth, maps,
            TimeSpan.FromSeconds(Number(words.Dequeue()))));
        return 0;
    default:
        return Fail($"\"{command}\" is no command with {words.Count} operands.");
}

async Task<int> Read(long offset, long length)
{
    var buffer = new byte[disk.MaxTransfer];
    using Stream output = Console.OpenStandardOutput();
    while (length > 0)
    {
        Memory<byte> part = buffer.AsMemory(0, (int)Math.Min(length, buffer.Length));
        await disk.ReadAsync(offset, part);
        await output.WriteAsync(part);
        (offset, length) = (offset + part.Length, length - part.Length);
    }

    return 0;
}

async Task<int> Write(long offset)
{
    var buffer = new byte[disk.MaxTransfer];
    using Stream input = Console.OpenStandardInput();
    int count;
    while ((count = await input.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false)) > 0)
    {
        await disk.WriteAsync(offset, buffer.AsMemory(0, count));
        offset += count;
    }

    await disk.FlushAsync();
    return 0;
}

static long Number(string word) =>
    long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
        : throw new ArgumentException($"{word} is no number.");

static int Fail(string message)
{
    Console.Error.WriteLine($"{message}\n{Usage}");
    return 1;
}
