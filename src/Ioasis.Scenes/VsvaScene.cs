using System.Diagnostics;
using Ioasis.Client;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Walks;
using Ioasis.Devices.Dsa;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Scenes;

/// <summary>
/// The scene of shared virtual addressing for guests: a DSA, a guest, and two of its processes, which use the same
/// pointers for different pages. It can be set up in one go, or part by part.
/// </summary>
internal sealed class VsvaScene : IDisposable
{
    /// <summary>Pointers of the processes. They lead to 3, 8, 8, 1 and 1 pages.</summary>
    internal const ulong Source = 0x7f12_3400_0000, Fresh = Source + 0x1_0000, Target = Source + 0x2_0000,
        Record = Source + 0x3_0000, Own = Source + 0x4_0000;

    /// <summary>Pages of the source, and of the fresh range, in which only the first page is present.</summary>
    internal const int SourcePages = 3, FreshPages = 8;

    private const ulong GuestLength = 4 << 20;

    /// <summary>Sets up everything but the processes' bindings.</summary>
    internal VsvaScene(SoftwareMachine machine) : this(new DemoBoard(machine, "dsa"))
    {
        AddGuest();
        AddProcesses();
        AddDsa();
    }

    private VsvaScene(DemoBoard board) => Board = board;

    /// <summary>The built-in machine with a DSA.</summary>
    internal static MachineDescription Machine => MachineDescription.Default.WithDevice("dsa");

    internal DemoBoard Board { get; }

    internal DemoGuest Guest { get; private set; } = null!; // since AddGuest

    /// <summary>The queue for page requests of both processes.</summary>
    internal FaultQueue Faults { get; private set; } = null!; // since AddProcesses

    internal DemoDsa Dsa { get; private set; } = null!; // since AddDsa

    internal DemoProcess A { get; private set; } = null!; // since AddProcesses

    internal DemoProcess B { get; private set; } = null!;

    internal DemoProcess[] Both => [A, B];

    /// <summary>Begins with the device alone.</summary>
    internal static VsvaScene Begin(SoftwareMachine machine, params int[] capabilities) =>
        new(new DemoBoard(machine, "dsa", capabilities));

    /// <summary>Maps the guest's memory for the device.</summary>
    internal void AddGuest() => Guest = new DemoGuest(Board, GuestLength);

    /// <summary>Starts the processes, and makes the queue of their page requests.</summary>
    internal void AddProcesses()
    {
        Faults = Board.Context.AllocateFaultQueue();
        (A, B) = (NewProcess("A", 1), NewProcess("B", 2));
    }

    /// <summary>Configures the device.</summary>
    internal void AddDsa() => Dsa = new DemoDsa(Board.Device);

    public void Dispose()
    {
        Faults?.Dispose();
        Guest?.Dispose();
        Board.Dispose();
    }

    /// <summary>Walks the current translation of a process's pointer, step by step.</summary>
    internal IReadOnlyList<WalkStep> Walk(DemoProcess process, ulong gva) =>
        TranslationWalk.Of(Board.Model.Endpoint, process.Pasid, new Iova(gva), write: false).Steps;

    /// <summary>Lets the device copy pages of a process to its target; returns the completion record.</summary>
    internal DsaCompletionRecord Copy(DemoProcess process, ulong source, int pages)
    {
        Dsa.Submit(process, source, Target, pages * (int)DemoGuest.Page, Record);
        return End(process);
    }

    /// <summary>Waits for the completion record of a copy.</summary>
    internal static DsaCompletionRecord End(DemoProcess process)
    {
        DemoPatience.Until(() => process.Read<byte>(Record) != 0, $"the record of {process.Name}'s copy");
        return process.Read<DsaCompletionRecord>(Record);
    }

    /// <summary>
    /// Lets the device copy the fresh range. The guest's handler provides each page of that range that the device
    /// requests, as from a disk; it provides no others.
    /// </summary>
    /// <param name="content">Contents of the pages.</param>
    /// <returns>
    /// The requests, the completion record, and the shortest time from an answer to the next request.
    /// </returns>
    internal (IReadOnlyList<PageFault> Requests, DsaCompletionRecord Record, TimeSpan Latency) CopyAsPagesCome(
        ReadOnlyMemory<byte> content)
    {
        var requests = new List<PageFault>();
        TimeSpan latency = TimeSpan.MaxValue;
        long answered = 0;
        Dsa.Submit(A, Fresh, Target, content.Length, Record, blockOnFault: true);
        DemoPatience.Until(() =>
        {
            foreach (PageFault request in Faults.Read(TimeSpan.FromMilliseconds(1)))
            {
                if (requests.Count > 0 && Stopwatch.GetElapsedTime(answered) is var took && took < latency)
                    latency = took;
                requests.Add(request);
                ulong page = request.Address.Value;
                bool isFresh = page - Fresh < (ulong)content.Length;
                if (isFresh)
                {
                    A.Map(page);
                    A.Fill(page, content.Span.Slice((int)(page - Fresh), (int)DemoGuest.Page));
                }

                answered = Stopwatch.GetTimestamp();
                Faults.Respond(request.Cookie, isFresh ? PageResponse.Success : PageResponse.Invalid);
            }

            return A.Read<byte>(Record) != 0;
        }, "the end of a copy that asks for pages");
        return (requests, End(A), latency);
    }

    private DemoProcess NewProcess(string name, uint pasid)
    {
        var process = new DemoProcess(Guest, name, new Pasid(pasid));
        process.Map(Source, SourcePages);
        process.Map(Fresh);
        process.Map(Target, FreshPages);
        process.Map(Record);
        return process;
    }
}
