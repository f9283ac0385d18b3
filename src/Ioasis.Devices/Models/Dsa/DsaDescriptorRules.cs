namespace Ioasis.Devices.Dsa;

/// <summary>The rules that a descriptor must obey before any of it is executed.</summary>
internal static class DsaDescriptorRules
{
    private const DsaFlags Common = DsaFlags.BlockOnFault | DsaFlags.CompletionAddressValid | DsaFlags.RequestCompletion
        | DsaFlags.RequestInterrupt;

    /// <summary>The error of a descriptor; <see cref="DsaStatus.None"/> if there is none.</summary>
    /// <param name="work">The descriptor.</param>
    /// <param name="isHandle">Tells whether the descriptor may use its interrupt handle.</param>
    internal static DsaCompletionRecord Check(DsaWork work, Func<DsaWork, bool> isHandle)
    {
        ref readonly DsaDescriptor descriptor = ref work.Descriptor;
        DsaOpcode opcode = descriptor.Opcode;
        if ((int)opcode >= 64 || (DsaRegisters.Operations & work.Config.Operations & (1UL << (int)opcode)) == 0
            || (work.IsInBatch && opcode is DsaOpcode.Batch or DsaOpcode.Drain))
            return DsaCompletionRecord.Of(DsaStatus.BadOpcode);
        DsaFlags invalid = descriptor.Flags & ~Allowed(work, opcode);
        if (!descriptor.Has(DsaFlags.CompletionAddressValid)) invalid |= descriptor.Flags & DsaFlags.RequestCompletion;
        if (invalid != DsaFlags.None)
            return DsaCompletionRecord.Of(DsaStatus.InvalidFlags) with { InvalidFlags = (uint)invalid };
        if ((descriptor.Requester & 0x7ff00000) != 0 || descriptor.Rsvd1 != 0)
            return DsaCompletionRecord.Of(DsaStatus.NozeroReserve);
        if (!work.IsInBatch && !work.Config.IsDedicated && descriptor.Privileged && !work.Config.Privileged)
            return DsaCompletionRecord.Of(DsaStatus.PrivBad);
        if (descriptor.Has(DsaFlags.RequestInterrupt) && !isHandle(work))
            return DsaCompletionRecord.Of(DsaStatus.IntHandleInval);
        return DsaCompletionRecord.Of(CheckOperands(work, in descriptor));
    }

    private static DsaFlags Allowed(DsaWork work, DsaOpcode opcode)
    {
        DsaFlags allowed = Common;
        if (!work.Config.BlocksOnFault) allowed &= ~DsaFlags.BlockOnFault;
        if (work.IsInBatch) allowed |= DsaFlags.Fence;
        return opcode switch
        {
            DsaOpcode.Noop or DsaOpcode.Drain or DsaOpcode.Batch => allowed,
            DsaOpcode.Compare or DsaOpcode.Compval => allowed | DsaFlags.CheckResult,
            DsaOpcode.Crcgen => allowed | DsaFlags.ReadCrcSeed,
            _ => allowed | DsaFlags.CacheControl | DsaFlags.StrictOrdering,
        };
    }

    private static DsaStatus CheckOperands(DsaWork work, in DsaDescriptor descriptor)
    {
        if (descriptor.Opcode is DsaOpcode.Noop or DsaOpcode.Drain) return DsaStatus.None;
        if (descriptor.Opcode == DsaOpcode.Batch)
        {
            if (descriptor.DescCount < 2 || descriptor.DescCount > 1u << work.Config.MaxBatchLog2)
                return DsaStatus.DescCntErange;
            return descriptor.DescListAddr % DsaDescriptor.Size != 0 ? DsaStatus.DesclistAlign : DsaStatus.None;
        }

        ulong length = descriptor.XferSize;
        if (length == 0 || length > 1UL << work.Config.MaxTransferLog2) return DsaStatus.XferErange;
        if (descriptor.Opcode != DsaOpcode.Dualcast) return DsaStatus.None;
        if ((descriptor.DstAddr ^ descriptor.Dest2) % DsaRegisters.PageSize != 0) return DsaStatus.DcastErr;
        return Overlap(descriptor.SrcAddr, descriptor.DstAddr, length)
            || Overlap(descriptor.SrcAddr, descriptor.Dest2, length)
            || Overlap(descriptor.DstAddr, descriptor.Dest2, length) ? DsaStatus.OverlapBuffers : DsaStatus.None;
    }

    private static bool Overlap(ulong first, ulong second, ulong length) =>
        unchecked(first - second) < length || unchecked(second - first) < length;
}
