using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Examples.Nvme;

/// <summary>
/// A controller's registers and admin queue: how it is started and stopped, and admin commands. Its user keeps a lock
/// around it.
/// </summary>
internal sealed class NvmeController : IDisposable
{
    private const int AdminEntries = 16;
    private const uint NumberOfQueues = 7; // a feature
    private const uint Contiguous = 1, InterruptsEnabled = 2; // of a queue

    private readonly DriverFunction _function;
    private readonly TimeSpan _patience; // for ready to change (CAP.TO)
    private readonly NvmeQueue _admin;

    internal NvmeController(DriverFunction function, TimeSpan commandTimeout)
    {
        _function = function;
        Registers = function.OpenBar(0);
        ulong capabilities = Registers.Read<ulong>(NvmeRegister.Capabilities);
        MostEntries = (int)(capabilities & 0xffff) + 1;
        _patience = TimeSpan.FromMilliseconds(500 * (1 + ((capabilities >> 24) & 0xff)));
        DoorbellStride = 4UL << (int)((capabilities >> 32) & 0xf);
        PageShift = 12 + (int)((capabilities >> 48) & 0xf);
        CommandTimeout = (long)commandTimeout.TotalMilliseconds;
        _admin = new NvmeQueue(this, 0, AdminEntries, vector: 0, lists: null);
    }

    internal DriverBar Registers { get; }

    internal DmaDevice Dma => _function.Dma;

    internal int MostEntries { get; }

    internal ulong DoorbellStride { get; }

    internal int PageShift { get; }

    internal ulong PageSize => 1UL << PageShift;

    /// <summary>Milliseconds that a command may take.</summary>
    internal long CommandTimeout { get; }

    /// <summary>Whether the controller does no commands: it failed, was reset or is gone.</summary>
    internal bool HasFailed =>
        (Registers.Read<uint>(NvmeRegister.Status) & (NvmeRegister.Ready | NvmeRegister.Fatal)) != NvmeRegister.Ready;

    /// <summary>Allocates memory that driver and device share.</summary>
    internal DmaBuffer Allocate(ulong length)
    {
        IommuStatus status = Dma.AllocateCoherent(length, out DmaBuffer? buffer);
        return status == IommuStatus.Ok ? buffer! : throw new IOException($"No DMA memory: {status}.");
    }

    /// <summary>Starts the controller with empty queues, whatever state it was in (7.6.1).</summary>
    /// <param name="resetsFunction">Whether to reset the function first, which helps if nothing else does.</param>
    internal bool TryStart(bool resetsFunction)
    {
        _admin.Stop();
        if (resetsFunction && _function.Reset() != IommuStatus.Ok) return false;
        _function.EnableBusMaster(true);
        if (!TryDisable()) return false;
        _admin.Clear();
        Registers.Write(NvmeRegister.AdminQueueAttributes, (AdminEntries - 1) * 0x10001u);
        Registers.Write(NvmeRegister.AdminSubmissionQueue, _admin.Submissions.Value);
        Registers.Write(NvmeRegister.AdminCompletionQueue, _admin.Completions.Value);
        Registers.Write(NvmeRegister.Configuration,
            NvmeRegister.Enable | ((uint)(PageShift - 12) << 7) | NvmeRegister.EntrySizes);
        if (!TryWait(NvmeRegister.Ready | NvmeRegister.Fatal, NvmeRegister.Ready)) return false;
        _admin.Start(works: true);
        return true;
    }

    /// <summary>Shuts the controller down, so that all data is on the medium, and disables it.</summary>
    internal void Stop()
    {
        uint configuration = Registers.Read<uint>(NvmeRegister.Configuration);
        Registers.Write(NvmeRegister.Configuration, configuration | NvmeRegister.ShutdownNotification);
        if (!HasFailed) TryWait(NvmeRegister.ShutdownMask, NvmeRegister.ShutdownComplete);
        if (!TryDisable()) _function.Reset();
        StopDma();
        _admin.Stop();
    }

    /// <summary>Makes sure that the controller does no DMA, whatever its state.</summary>
    internal void StopDma() => _function.EnableBusMaster(false);

    /// <summary>Frees the queues' memory and the registers.</summary>
    public void Dispose()
    {
        ((IDisposable)_admin).Dispose();
        Registers.Dispose();
    }

    /// <summary>Reads data of the controller or a namespace.</summary>
    /// <param name="what">What to read (CNS).</param>
    /// <param name="space">The namespace; 0 for none.</param>
    /// <exception cref="IOException">The command failed.</exception>
    internal byte[] Identify(uint what, uint space)
    {
        var data = new byte[4096];
        using DmaBuffer page = Allocate(PageSize);
        NvmeStatus status = Run(NvmeAdminOpcode.Identify, what, 0, out _, page.Address, space);
        page.Bytes.CopyTo(0, data);
        if (status != NvmeStatus.Success) throw new IOException($"Identify of {_function.Name} ended with {status}.");
        return data;
    }

    /// <summary>Asks for pairs of I/O queues.</summary>
    /// <returns>How many there can be; 0 if the command failed.</returns>
    internal int RequestQueues(int count)
    {
        uint wanted = (uint)(count - 1) * 0x10001;
        NvmeStatus status = Run(NvmeAdminOpcode.SetFeatures, NumberOfQueues, wanted, out uint most);
        return status == NvmeStatus.Success ? (int)Math.Min(most & 0xffff, most >> 16) + 1 : 0;
    }

    /// <summary>Tells the controller of a queue, which is empty.</summary>
    internal bool TryCreate(NvmeQueue queue)
    {
        queue.Clear();
        uint interrupt = queue.Vector is { } number ? InterruptsEnabled | ((uint)number << 16) : 0;
        return Create(NvmeAdminOpcode.CreateCompletionQueue, queue.Completions, interrupt)
            && Create(NvmeAdminOpcode.CreateSubmissionQueue, queue.Submissions, (uint)queue.Id << 16);

        bool Create(NvmeAdminOpcode opcode, Iova ring, uint attributes) => NvmeStatus.Success == Run(
            opcode, (uint)queue.Id | ((uint)(queue.Entries - 1) << 16), Contiguous | attributes, out _, ring);
    }

    private NvmeStatus Run(
        NvmeAdminOpcode opcode, uint dword10, uint dword11, out uint result, Iova data = default, uint space = 0) =>
        _admin.Run(new NvmeCommand
        {
            Opcode = (ushort)opcode,
            Namespace = space,
            Prp1 = data.Value,
            Dword10 = dword10,
            Dword11 = dword11,
        }, out result);

    private bool TryDisable()
    {
        uint configuration = Registers.Read<uint>(NvmeRegister.Configuration);
        if (configuration == uint.MaxValue) return false; // the function is gone
        if ((configuration & NvmeRegister.Enable) != 0)
            Registers.Write(NvmeRegister.Configuration, configuration & ~NvmeRegister.Enable);
        return TryWait(NvmeRegister.Ready, 0);
    }

    private bool TryWait(uint mask, uint wanted)
    {
        uint status = 0;
        SpinWait.SpinUntil(() =>
        {
            status = Registers.Read<uint>(NvmeRegister.Status);
            return (status & mask) == wanted || (status & mask & NvmeRegister.Fatal) != 0;
        }, _patience);
        return (status & mask) == wanted;
    }
}
