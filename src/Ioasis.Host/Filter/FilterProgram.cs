using Ioasis.Abi;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Filter;

/// <summary>
/// The seccomp filter of the program. It passes every call that cannot concern us, including 32-bit and x32 calls.
/// </summary>
internal static class FilterProgram
{
    private const uint AuditArchX86_64 = 0xC000003E;
    private const uint FirstX32Call = 0x40000000;

    /// <summary>Builds the filter from the table.</summary>
    /// <param name="strict">Whether to use <see cref="TrappedCalls.Strict"/>.</param>
    /// <param name="writes">The writes to stop.</param>
    public static SockFilter[] Build(bool strict = false, WriteRule? writes = null)
    {
        writes ??= WriteRule.None;
        var bpf = new BpfAssembler();
        BpfAssembler.Label native = new(), pass = new(), stop = new();
        bpf.Load(BpfAssembler.ArchOffset);
        bpf.IfEqual(AuditArchX86_64, native);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);

        bpf.Place(native);
        bpf.Load(BpfAssembler.NumberOffset);
        bpf.IfAtLeast(FirstX32Call, pass);
        List<ConditionalStop> conditions = [];
        foreach (TrappedCall call in TrappedCalls.Of(strict, writes))
        {
            BpfAssembler.Label target = stop;
            if (call.Condition != ArgumentCondition.Any)
            {
                ConditionalStop? known = conditions.Find(
                    c => c.Condition == call.Condition && c.Argument == call.Argument);
                if (known is null)
                {
                    known = new ConditionalStop(call.Condition, call.Argument, new BpfAssembler.Label());
                    conditions.Add(known);
                }

                target = known.Label;
            }

            bpf.IfEqual((uint)call.Number, target);
        }

        bpf.Place(pass);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);

        foreach ((ArgumentCondition condition, int argument, BpfAssembler.Label label) in conditions)
        {
            bpf.Place(label);
            switch (condition)
            {
                case ArgumentCondition.OurIoctl: TestIoctl(bpf, argument, stop); break;
                case ArgumentCondition.Few:
                    TestFew(bpf, argument, stop);
                    bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
                    break;
                case ArgumentCondition.MessageSize:
                    TestSize(bpf, argument, writes.Ranges, stop);
                    bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
                    break;
                case ArgumentCondition.MessageSizeOrRegionOffset:
                    TestSize(bpf, argument, writes.Ranges, stop);
                    TestOffset(bpf, argument + 1, stop);
                    break;
                case ArgumentCondition.OffsetGiven:
                    TestGiven(bpf, argument, stop);
                    TestGiven(bpf, argument + 2, stop);
                    bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
                    break;
                case ArgumentCondition.FileMapping: TestMapping(bpf, argument, stop); break;
                case ArgumentCondition.FileOrFixedMapping:
                    TestFlag(bpf, argument, MemoryFlags.MAP_FIXED, stop);
                    TestMapping(bpf, argument, stop);
                    break;
                case ArgumentCondition.LessProtection: TestProtection(bpf, argument); break;
                case ArgumentCondition.DiscardAdvice: TestAdvice(bpf, argument, stop); break;
                case ArgumentCondition.Remap:
                    TestFlag(bpf, argument, MemoryFlags.SHM_REMAP, stop);
                    bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
                    break;
                default: TestOffset(bpf, argument, stop); break;
            }
        }

        bpf.Place(stop);
        bpf.Answer(SeccompH.SECCOMP_RET_USER_NOTIF);
        return bpf.ToArray();
    }

    // The kernel uses the low 32 bits of an ioctl's number, and so do we.
    private static void TestIoctl(BpfAssembler bpf, int argument, BpfAssembler.Label stop)
    {
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        bpf.IfEqual(TrappedCalls.KvmIoctl, stop);
        bpf.RightShift(Ioc.TypeShift);
        bpf.Mask(0xff);
        foreach (byte type in TrappedCalls.IoctlTypes) bpf.IfEqual(type, stop);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
    }

    private static void TestFlag(BpfAssembler bpf, int argument, uint flag, BpfAssembler.Label stop)
    {
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        bpf.Mask(flag);
        bpf.IfEqual(flag, stop);
    }

    // Protection that permits reading and writing revokes nothing. (PROT_WRITE alone implies reading on x86, but is
    // rare.)
    private static void TestProtection(BpfAssembler bpf, int argument)
    {
        const uint both = SysMemory.PROT_READ | SysMemory.PROT_WRITE;
        var pass = new BpfAssembler.Label();
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        bpf.Mask(both);
        bpf.IfEqual(both, pass);
        bpf.Answer(SeccompH.SECCOMP_RET_USER_NOTIF);
        bpf.Place(pass);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
    }

    private static void TestAdvice(BpfAssembler bpf, int argument, BpfAssembler.Label stop)
    {
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        foreach (uint advice in MemoryFlags.DiscardingAdvice) bpf.IfEqual(advice, stop);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
    }

    // Stops few mappings. Programs map libraries privately and memory anonymously, by the hundred. A shared mapping of
    // a file is rare, and may be one of ours, also at an offset that our node refuses. A private mapping of at most a
    // page may be of an attribute; libraries are larger.
    private static void TestMapping(BpfAssembler bpf, int flags, BpfAssembler.Label stop)
    {
        // <linux/mman.h>
        const uint shared = 1, sharedValidate = 3, typeMask = 0xf, anonymous = 0x20, denyWrite = 0x800, page = 4096;
        const int length = 1, offset = 5;
        BpfAssembler.Label pass = new(), large = new();
        bpf.Load(BpfAssembler.ArgumentOffset(flags));
        bpf.Mask(anonymous);
        bpf.IfEqual(anonymous, pass);
        bpf.Load(BpfAssembler.ArgumentOffset(flags));
        bpf.Mask(typeMask);
        bpf.IfEqual(shared, stop);
        bpf.IfEqual(sharedValidate, stop);
        bpf.Load(BpfAssembler.ArgumentOffset(flags));
        bpf.Mask(denyWrite);
        bpf.IfEqual(denyWrite, large);
        bpf.Load(BpfAssembler.ArgumentOffset(length) + 4);
        bpf.IfAtLeast(1, large);
        bpf.Load(BpfAssembler.ArgumentOffset(length));
        bpf.IfAtLeast(page + 1, large);
        bpf.IfAtLeast(0, stop);
        bpf.Place(large);
        TestOffset(bpf, offset, stop);
        bpf.Place(pass);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
    }

    // Jumps if the argument, a 64-bit number, is small.
    private static void TestFew(BpfAssembler bpf, int argument, BpfAssembler.Label stop)
    {
        var many = new BpfAssembler.Label();
        bpf.Load(BpfAssembler.ArgumentOffset(argument) + 4);
        bpf.IfAtLeast(1, many);
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        bpf.IfAtLeast(TrappedCalls.MostVectors + 1, many);
        bpf.IfAtLeast(0, stop);
        bpf.Place(many);
    }

    // Jumps where the argument, a number of 64 bits, is one of the sizes. A larger one, as most are, falls through
    // first.
    private static void TestSize(BpfAssembler bpf, int argument, IReadOnlyList<SizeRange> ranges,
        BpfAssembler.Label stop)
    {
        var other = new BpfAssembler.Label();
        bpf.Load(BpfAssembler.ArgumentOffset(argument) + 4);
        bpf.IfAtLeast(1, other);
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        foreach ((uint first, uint last) in ranges.Reverse())
        {
            bpf.IfAtLeast(last + 1, other);
            bpf.IfAtLeast(first, stop);
        }

        bpf.Place(other);
    }

    private static void TestGiven(BpfAssembler bpf, int argument, BpfAssembler.Label stop)
    {
        bpf.Load(BpfAssembler.ArgumentOffset(argument));
        bpf.IfAtLeast(1, stop);
        bpf.Load(BpfAssembler.ArgumentOffset(argument) + 4);
        bpf.IfAtLeast(1, stop);
    }

    // For a negative offset, the kernel refuses the call or uses the file position.
    private static void TestOffset(BpfAssembler bpf, int argument, BpfAssembler.Label stop)
    {
        var pass = new BpfAssembler.Label();
        bpf.Load(BpfAssembler.ArgumentOffset(argument) + 4);
        bpf.IfAtLeast(0x80000000, pass);
        bpf.IfAtLeast((uint)(TrappedCalls.LowestRegionOffset >> 32), stop);
        bpf.Place(pass);
        bpf.Answer(SeccompH.SECCOMP_RET_ALLOW);
    }

    private sealed record ConditionalStop(ArgumentCondition Condition, int Argument, BpfAssembler.Label Label);
}
