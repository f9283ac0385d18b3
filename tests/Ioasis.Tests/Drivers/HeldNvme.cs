using System.Collections.Concurrent;
using Ioasis.Core.Dma;
using Ioasis.Devices;
using Ioasis.Devices.Blocks;
using Ioasis.Devices.Nvme;

namespace Ioasis.Tests.Drivers;

/// <summary>
/// An NVMe controller with one I/O queue that never fails, but holds commands until the test ends them: in any order,
/// and also when the driver has given them up and has reset the controller.
/// </summary>
internal sealed class HeldNvme : PciDeviceModel
{
    private const int Queues = 2;

    private readonly Lock _lock = new(); // guards what follows
    private readonly NvmeSubmissionQueue?[] _submissions = new NvmeSubmissionQueue?[Queues];
    private readonly NvmeCompletionQueue?[] _completions = new NvmeCompletionQueue?[Queues];
    private readonly NvmeNamespace _blocks = new(new MemoryBlockStore(1 << 20));
    private readonly DeviceEngine<bool> _engine;
    private readonly BlockingCollection<NvmeCommand> _held = [];
    private IPciSlot _slot = null!;
    private DmaPort _port = null!;
    private NvmeData _data = null!;

    internal HeldNvme() => _engine = DeviceEngine.Create<bool>("held nvme", (_, abort) => Work(abort));

    public override PciFunction Function { get; } = NvmeDevice.Describe(Queues - 1);

    /// <summary>The block of which no command ends by itself.</summary>
    internal ulong? HeldBlock { get; set; }

    public override void Plug(IPciSlot slot)
    {
        _slot = slot;
        _port = slot.OpenDmaPort();
        _data = new NvmeData(_port);
    }

    public override void Ring(int bar, Register register, ulong value)
    {
        if (register == NvmeRegisters.Configuration) Configure(new NvmeConfiguration((uint)value));
        int queue = Array.IndexOf(NvmeRegisters.Tails, register), head = Array.IndexOf(NvmeRegisters.Heads, register);
        lock (_lock)
        {
            if (head is >= 0 and < Queues) _completions[head]?.Advance((uint)value);
            if (queue is < 0 or >= Queues || _submissions[queue] is not { } submissions) return;
            submissions.MoveTail((uint)value);
        }

        _engine.TryStart(true);
    }

    public override void Reset()
    {
        _engine.Abort();
        lock (_lock)
        {
            Array.Clear(_submissions);
            Array.Clear(_completions);
        }
    }

    public override void Unplug()
    {
        _engine.Dispose();
        _port.Dispose();
        _held.Dispose();
    }

    /// <summary>Waits for the next command that is held.</summary>
    internal NvmeCommand Next()
    {
        Assert.True(_held.TryTake(out NvmeCommand command, TimeSpan.FromMinutes(1)), "no command came");
        return command;
    }

    /// <summary>Says that a command has ended, without doing it.</summary>
    internal void End(in NvmeCommand command)
    {
        lock (_lock) Post(1, command.CommandId, NvmeStatus.Success);
    }

    /// <summary>Does a command that is held, and holds no further ones.</summary>
    internal void Release(in NvmeCommand command)
    {
        lock (_lock)
        {
            HeldBlock = null;
            Execute(1, in command, default);
            while (_held.TryTake(out NvmeCommand other)) Execute(1, in other, default);
        }
    }

    private void Configure(NvmeConfiguration wanted)
    {
        var status = NvmeControllerStatus.None;
        if (!wanted.IsEnabled)
        {
            Reset();
            foreach (Register doorbell in NvmeRegisters.Tails.Take(Queues).Concat(NvmeRegisters.Heads.Take(Queues)))
                _slot.Publish(NvmeRegisters.Bar, doorbell, 0);
        }
        else
        {
            status = wanted.Shutdown == 0 ? NvmeControllerStatus.Ready
                : NvmeControllerStatus.Ready | NvmeControllerStatus.ShutdownComplete;
            ulong entries = (Read(NvmeRegisters.AdminQueueAttributes) & 0xfff) + 1;
            lock (_lock)
            {
                _completions[0] ??= new(0, Read(NvmeRegisters.AdminCompletionQueue), (uint)entries, vector: 0);
                _submissions[0] ??= new(
                    0, Read(NvmeRegisters.AdminSubmissionQueue), (uint)entries, _completions[0]!);
            }
        }

        _slot.Publish(NvmeRegisters.Bar, NvmeRegisters.Status, (uint)status);
    }

    private void Work(CancellationToken abort)
    {
        for (int queue = 0; queue < Queues; queue++)
        {
            while (!abort.IsCancellationRequested)
            {
                lock (_lock)
                {
                    if (_submissions[queue] is not { } submissions || submissions.Head == submissions.Tail
                        || !submissions.TryTake(_port, out NvmeCommand command)) break;
                    if (queue == 1 && command.FirstBlock == HeldBlock) _held.Add(command, CancellationToken.None);
                    else Execute(queue, in command, abort);
                }
            }
        }
    }

    private void Execute(int queue, in NvmeCommand command, CancellationToken abort) => Post(queue, command.CommandId,
        queue == 1 ? _blocks.Execute(in command, _data, 12, abort) : ExecuteAdmin(in command));

    private NvmeOutcome ExecuteAdmin(in NvmeCommand command)
    {
        uint entries = (command.Cdw10 >> 16) + 1;
        switch ((NvmeAdminOpcode)command.Opcode)
        {
            case NvmeAdminOpcode.Identify:
                var bytes = new byte[NvmeIdentity.Size];
                new NvmeIdentity(_blocks, "held").Fill(command.Cdw10 & 0xff, command.Nsid, bytes);
                return _data.Write(in command, 12, bytes);
            case NvmeAdminOpcode.CreateCq:
                _completions[1] = new(1, command.Prp1, entries, (int)(command.Cdw11 >> 16));
                break;
            case NvmeAdminOpcode.CreateSq:
                _submissions[1] = new(1, command.Prp1, entries, _completions[1]!);
                break;
        }

        return NvmeStatus.Success; // also of set features: one pair of queues
    }

    private void Post(int queue, ushort commandId, NvmeOutcome outcome)
    {
        if (_submissions[queue] is not { } submissions || !submissions.Completions.TryReserve()) return;
        submissions.Completions.TryPost(_port, new NvmeCompletion(outcome.Result, 0, (ushort)submissions.Head,
            (ushort)queue, commandId, (ushort)((uint)outcome.Status << 1)));
        _slot.RaiseMessage(submissions.Completions.Vector!.Value);
    }

    private ulong Read(Register register) => _slot.ReadRegister(NvmeRegisters.Bar, register);
}
