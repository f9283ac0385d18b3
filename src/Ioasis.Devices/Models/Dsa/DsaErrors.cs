namespace Ioasis.Devices.Dsa;

/// <summary>
/// The software error register, the interrupt cause register, and their interrupt. The scheduler's lock guards them.
/// </summary>
/// <param name="slot">The device's slot.</param>
internal sealed class DsaErrors(IPciSlot slot)
{
    private const ulong Valid = 1, Overflow = 2, DescriptorValid = 4, QueueValid = 8, InBatch = 16, WasWrite = 32,
        WasPrivileged = 64;
    private readonly ulong[] _words = new ulong[4];
    private DsaCause _cause;

    /// <summary>
    /// Records an error that no completion record can report. A second error before the first is acknowledged only sets
    /// the overflow bit.
    /// </summary>
    internal void Record(DsaStatus status, int? queue, DsaWork? work, in DsaCompletionRecord record)
    {
        if ((_words[0] & Valid) != 0)
        {
            _words[0] |= Overflow;
        }
        else
        {
            _words[0] = Valid | ((ulong)status << 8);
            if (queue is { } index) _words[0] |= QueueValid | ((ulong)index << 16);
            if (work is not null)
            {
                _words[0] |= DescriptorValid | ((ulong)work.Descriptor.Opcode << 32)
                    | ((ulong)(work.Pasid?.Value ?? 0) << 40)
                    | (work.IsInBatch ? InBatch : 0) | (work.Privileged ? WasPrivileged : 0)
                    | ((record.Status & DsaCompletionRecord.StatusWrite) != 0 ? WasWrite : 0);
            }

            _words[1] = (uint)(work?.BatchIndex ?? 0)
                | ((ulong)(status == DsaStatus.InvalidFlags ? record.InvalidFlags : 0) << 32);
            _words[2] = record.FaultAddr;
        }

        Publish();
        if ((slot.ReadRegister(DsaRegisters.Bar, DsaRegisters.InterruptEnables) & 1) != 0)
            Raise(DsaCause.SoftwareError);
    }

    /// <summary>Handles a driver's write to the register's first word.</summary>
    internal void Acknowledge(ulong bits)
    {
        _words[0] &= ~(bits & (Valid | Overflow));
        Publish();
    }

    /// <summary>Raises vector 0, the interrupt that belongs to no descriptor.</summary>
    internal void Raise(DsaCause cause)
    {
        _cause |= cause;
        slot.Publish(DsaRegisters.Bar, DsaRegisters.Cause, (uint)_cause);
        slot.RaiseMessage(0);
    }

    /// <summary>Handles a driver's write to the cause register: clears the bits that are set in it.</summary>
    internal void AcknowledgeCause(uint bits)
    {
        _cause &= (DsaCause)~bits;
        slot.Publish(DsaRegisters.Bar, DsaRegisters.Cause, (uint)_cause);
    }

    internal void Clear()
    {
        Array.Clear(_words);
        _cause = DsaCause.None;
    }

    /// <summary>
    /// Publishes the words, the first one last: a driver that sees its valid bit also sees the others.
    /// </summary>
    internal void Publish()
    {
        for (int i = _words.Length - 1; i >= 0; i--)
            slot.Publish(DsaRegisters.Bar, DsaRegisters.SoftwareError[i], _words[i]);
    }
}
