namespace Ioasis.Devices.Nvme;

/// <summary>The admin commands. Only the admin queue's thread uses it, except for <see cref="Reset"/>.</summary>
/// <param name="controller">The controller whose queues the commands create and delete.</param>
/// <param name="blocks">The namespace.</param>
/// <param name="serial">The controller's serial number.</param>
internal sealed class NvmeAdmin(NvmeController controller, NvmeNamespace blocks, string serial)
{
    private const uint Contiguous = 1, InterruptsEnabled = 2;
    private const uint NotAborted = 1;
    private readonly NvmeFeatures _features = new(controller, blocks);
    private readonly NvmeIdentity _identity = new(blocks, serial);
    private readonly NvmeLogs _logs = new(controller);

    internal NvmeOutcome Execute(in NvmeCommand command, NvmeData data) => (NvmeAdminOpcode)command.Opcode switch
    {
        NvmeAdminOpcode.DeleteSq => DeleteSq(in command),
        NvmeAdminOpcode.CreateSq => CreateSq(in command),
        NvmeAdminOpcode.GetLogPage => GetLogPage(in command, data),
        NvmeAdminOpcode.DeleteCq => DeleteCq(in command),
        NvmeAdminOpcode.CreateCq => CreateCq(in command),
        NvmeAdminOpcode.Identify => Identify(in command, data),
        // every command has ended before the next one is read
        NvmeAdminOpcode.Abort => new NvmeOutcome(NvmeStatus.Success, NotAborted),
        NvmeAdminOpcode.SetFeatures => _features.Set(in command),
        NvmeAdminOpcode.GetFeatures => _features.Get(in command),
        NvmeAdminOpcode.AsyncEvent => controller.Events.Await(command.CommandId),
        _ => NvmeStatus.InvalidOpcode,
    };

    /// <summary>Returns to the state after power-on. No command is under way.</summary>
    internal void Reset() => _features.Reset();

    private NvmeStatus CreateCq(in NvmeCommand command)
    {
        (int id, uint entries) = QueueOf(in command);
        uint vector = command.Cdw11 >> 16;
        if (id == 0 || id > controller.Queues || controller.CompletionQueueOf(id) is not null)
            return NvmeStatus.QidInvalid;
        if (entries < 2 || entries > NvmeRegisters.MostEntries || controller.Configuration.CqEntrySize != 4)
            return NvmeStatus.QueueSize;
        if (IsWithinPage(command.Prp1)) return NvmeStatus.PrpInvalidOffset;
        if (vector > controller.Queues) return NvmeStatus.InvalidVector;
        if ((command.Cdw11 & Contiguous) == 0) return NvmeStatus.InvalidField;
        controller.Add(new NvmeCompletionQueue(
                id, command.Prp1, entries, (command.Cdw11 & InterruptsEnabled) != 0 ? (int)vector : null));
        return NvmeStatus.Success;
    }

    private NvmeStatus CreateSq(in NvmeCommand command)
    {
        (int id, uint entries) = QueueOf(in command);
        int completions = (int)(command.Cdw11 >> 16);
        if (completions == 0 || controller.CompletionQueueOf(completions) is not { } queue) return NvmeStatus.CqInvalid;
        if (id == 0 || id > controller.Queues || controller.HasSubmissionQueue(id)) return NvmeStatus.QidInvalid;
        if (entries < 2 || entries > NvmeRegisters.MostEntries || controller.Configuration.SqEntrySize != 6)
            return NvmeStatus.QueueSize;
        if (IsWithinPage(command.Prp1)) return NvmeStatus.PrpInvalidOffset;
        if ((command.Cdw11 & Contiguous) == 0) return NvmeStatus.InvalidField;
        controller.Add(new NvmeSubmissionQueue(id, command.Prp1, entries, queue));
        return NvmeStatus.Success;
    }

    private NvmeStatus DeleteSq(in NvmeCommand command)
    {
        int id = QueueOf(in command).Id;
        if (id == 0 || !controller.HasSubmissionQueue(id)) return NvmeStatus.QidInvalid;
        controller.RemoveSubmissionQueue(id);
        return NvmeStatus.Success;
    }

    private NvmeStatus DeleteCq(in NvmeCommand command)
    {
        int id = QueueOf(in command).Id;
        if (id == 0 || controller.CompletionQueueOf(id) is not { } queue) return NvmeStatus.QidInvalid;
        return controller.TryRemoveCompletionQueue(queue) ? NvmeStatus.Success : NvmeStatus.InvalidQueue;
    }

    private NvmeStatus Identify(in NvmeCommand command, NvmeData data)
    {
        Span<byte> bytes = data.Bytes(NvmeIdentity.Size);
        NvmeStatus status = _identity.Fill(command.Cdw10 & 0xff, command.Nsid, bytes);
        return status == NvmeStatus.Success
            ? data.Write(in command, controller.Configuration.PageShift, bytes)
            : status;
    }

    private NvmeStatus GetLogPage(in NvmeCommand command, NvmeData data)
    {
        var log = (NvmeLog)(command.Cdw10 & 0xff);
        bool keepsEvents = (command.Cdw10 & (1u << 15)) != 0;
        ulong offset = command.Cdw12 | ((ulong)command.Cdw13 << 32);
        ulong length = ((command.Cdw10 >> 16) + ((ulong)(command.Cdw11 & 0xffff) << 16) + 1) * 4;
        Span<byte> page = data.Bytes(NvmeLogs.Longest);
        int size = _logs.Fill(log, page);
        if (size == 0) return NvmeStatus.InvalidLogPage;
        if (command.Nsid is not (0 or NvmeNamespace.Id or NvmeCommand.AllNamespaces)) return NvmeStatus.InvalidNs;
        if (offset % 4 != 0 || offset >= (ulong)size) return NvmeStatus.InvalidField;
        if (!keepsEvents) controller.Events.Clear(log);
        return data.Write(in command, controller.Configuration.PageShift,
            page.Slice((int)offset, (int)Math.Min(length, (ulong)size - offset)));
    }

    private bool IsWithinPage(ulong address) => (address & ((1UL << controller.Configuration.PageShift) - 1)) != 0;

    private static (int Id, uint Entries) QueueOf(in NvmeCommand command) =>
        ((int)(command.Cdw10 & 0xffff), (command.Cdw10 >> 16) + 1);
}
