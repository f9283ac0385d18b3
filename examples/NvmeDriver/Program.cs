using System.Diagnostics;
using System.Globalization;
using Ioasis.Client.Drivers;
using Ioasis.Examples;
using Ioasis.Examples.Nvme;

// Drives an NVMe controller. See docs/dma-api.md.
const string Usage = $"""
    usage: NvmeDriver [OPTION...] COMMAND
      info                     the controller and its namespace, and the I/O addresses that there are
      read OFFSET LENGTH       bytes of the disk, to standard output
      write OFFSET             standard input, whole blocks, to the disk
      verify MIB               overwrites the first MIB in random order, then reads and checks them
      bench SECONDS            random reads by polling: commands a second
    options:
    {ProgramHome.Options}
      --block BYTES            bytes of a command; 4096 by default
      --depth N                commands in flight; 32 by default
      --queues N               I/O queues with interrupts; the number of processors by default
      --resets N               of verify: resets while the commands run
      --map                    of bench: map and unmap for each command
    """;

int block, depth, resets, queues;
bool maps;
ProgramHome opened;
Queue<string> words;
try
{
    var arguments = new DriverArguments(args);
    (block, depth) = (arguments.Take("--block", 4096), arguments.Take("--depth", 32));
    (queues, resets) = (arguments.Take("--queues", Environment.ProcessorCount), arguments.Take("--resets", 0));
    maps = arguments.Take("--map");
    opened = new ProgramHome(arguments, "nvme", "nvme,size=64M");
    words = new Queue<string>(arguments.Operands());
}
catch (ArgumentException mistake)
{
    return Fail(mistake.Message);
}

using ProgramHome home = opened;
if (!words.TryDequeue(out string? command)) return Fail("A command is missing.");
using DriverFunction function = home.Open();
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
        if (function is VfioFunction { Space.Ioas: var ioas })
        {
            Console.WriteLine(
                $"IOVAs {string.Join(", ", ioas.GetIovaRanges().Select(r => $"0x{r.First:x}-0x{r.Last:x}"))}");
        }

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
