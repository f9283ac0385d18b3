using Ioasis.Abi;
using Ioasis.Host.Filter;
using Ioasis.Linux.Seccomp;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Host;

public sealed class FilterProgramTests
{
    private const int Read = 0, Write = 1, Open = 2, Close = 3, Fstat = 5, Mmap = 9, Ioctl = 16, Pread = 17,
        Pwrite = 18, Writev = 20, Execve = 59, Openat = 257,
        Preadv = 295, Pwritev2 = 328, Openat2 = 437, Futex = 202, Splice = 275, Fallocate = 285, CopyFileRange = 326;

    private const ulong Region = 1UL << 40;

    private const int Mprotect = 10, Munmap = 11, Brk = 12, Mremap = 25, Madvise = 28, Shmat = 30, Shmdt = 67,
        RemapFilePages = 216, PkeyMprotect = 329,
        ProcessMadvise = 440;

    private static readonly SockFilter[] s_program = FilterProgram.Build();
    private static readonly SockFilter[] s_strict = FilterProgram.Build(strict: true);

    public static TheoryData<int, ulong[], bool> Calls => new()
    {
        { Open, [], true },
        { Openat, [], true },
        { Openat2, [], true },
        { Fstat, [], true },
        { Execve, [], true },
        { Read, [3, 0, 10], false },
        { Write, [3, 0, 10], false },
        { Close, [3], false },
        { Futex, [], false },
        { Ioctl, [3, 0x3b64], true },
        { Ioctl, [3, 0x3b], false },
        { Ioctl, [3, 0xffffffff_00003b64], true }, // the kernel takes the low half
        { Ioctl, [3, 0x3b64_0000_0000], false },
        { Ioctl, [3, 0x4008af00], true },
        { Ioctl, [3, 0x5401], false },
        { Ioctl, [3, KvmH.KVM_SET_DEVICE_ATTR], true },
        { Ioctl, [3, 0xffffffff_00000000 | KvmH.KVM_SET_DEVICE_ATTR], true },
        { Ioctl, [3, KvmH.KVM_SET_DEVICE_ATTR - 1], false }, // KVM_CREATE_DEVICE and the attributes' other ioctls
        { Ioctl, [3, KvmH.KVM_SET_DEVICE_ATTR + 1], false },
        { Ioctl, [3, KvmH.KVM_SET_DEVICE_ATTR + 2], false },
        { Ioctl, [3, 0xae80], false }, // KVM_RUN
        { Ioctl, [3, 0xaee1], false }, // that number without a direction and a size
        { Pread, [3, 0, 8, 0], false },
        { Pread, [3, 0, 8, Region - 1], false },
        { Pread, [3, 0, 8, Region], true },
        { Pwrite, [3, 0, 8, 9 * Region + 4], true },
        { Pread, [3, 0, 8, ulong.MaxValue], false }, // negative: the kernel refuses it
        { Preadv, [3, 0, 1, Region], true },
        { Preadv, [3, 0, 1, 4096], false },
        { Pwritev2, [3, 0, 1, ulong.MaxValue], false }, // -1: at the file position
        { Mmap, [0, 4096, 3, 1, 5, Region], true },
        { Mmap, [0, 4096, 3, 0x22, ulong.MaxValue, 0], false },
        { Mmap, [0, 4096, 3, 0x21, ulong.MaxValue, Region], false }, // shared, but anonymous
        { Mmap, [0, 4096, 3, 1, 5, 4096], true }, // a shared file: a node of ours refuses what it has not
        { Mmap, [0, 4096, 3, 3, 5, 0], true },
        { Mmap, [0, 4096, 5, 0x802, 5, 4096], false }, // as libraries are
        { Mmap, [0, 4096, 1, 2, 5, 0], true }, // an attribute of sysfs cannot be mapped
        { Mmap, [0, 4097, 1, 2, 5, 0], false },
        { Mmap, [0, 0x1_0000_0001, 1, 2, 5, 0], false },
        { Mmap, [0, 4096, 3, 2, 5, Region], true },
        { Mmap, [Region, Region, 3, 2, 5, 4096], false },
        { Fallocate, [3, 0, 0, 4096], true },
        { Splice, [3, 0, 4, 0, 8, 0], false }, // between pipes, or at the file position
        { Splice, [3, Region, 4, 0, 8, 0], true },
        { Splice, [3, 0, 4, 8, 8, 0], true },
        { CopyFileRange, [3, 0x7f00_0000_0000, 4, 0, 8, 0], true },
        { CopyFileRange, [3, 0, 4, 0, 8, Region], false },
    };

    /// <summary>What takes memory away, or could: stopped only where it is waited for.</summary>
    public static TheoryData<int, ulong[], bool> Unmappings => new()
    {
        { Munmap, [Region, 4096], true },
        { Mremap, [Region, 4096, 8192, 1], true },
        { Brk, [Region], true },
        { Shmdt, [Region], true },
        { RemapFilePages, [], true },
        { Mprotect, [Region, 4096, 0], true },
        { Mprotect, [Region, 4096, 1], true },
        { Mprotect, [Region, 4096, 5], true },
        { Mprotect, [Region, 4096, 2], true },
        { Mprotect, [Region, 4096, 3], false }, // as for a new thread's stack: nothing is taken
        { Mprotect, [Region, 4096, 7], false },
        { PkeyMprotect, [Region, 4096, 1, 0], true },
        { PkeyMprotect, [Region, 4096, 3, 0], false },
        { Madvise, [Region, 4096, 4], true },
        { Madvise, [Region, 4096, 8], true },
        { Madvise, [Region, 4096, 9], true },
        { Madvise, [Region, 4096, 24], true },
        { Madvise, [Region, 4096, 102], true },
        { Madvise, [Region, 4096, 0xffffffff_00000004], true }, // the kernel takes the low half
        { Madvise, [Region, 4096, 3], false },
        { Madvise, [Region, 4096, 14], false },
        { ProcessMadvise, [5, Region, 1, 4], true },
        { ProcessMadvise, [5, Region, 1, 20], false },
        { Shmat, [5, Region, 0x4000], true },
        { Shmat, [5, Region, 0x1000], false },
        { Mmap, [Region, 4096, 3, 0x32, ulong.MaxValue, 0], true }, // fixed
        { Mmap, [Region, 8192, 3, 0x12, 5, 0], true },
        { Mmap, [Region, 4096, 3, 0x100022, ulong.MaxValue, 0], false }, // fixed, where nothing is
    };

    [Theory]
    [MemberData(nameof(Unmappings))]
    public void WhatTakesMemoryAwayIsStoppedWithTheOptionAlone(int number, ulong[] arguments, bool stopped)
    {
        Assert.Equal(SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(s_program, number, BpfMachine.AuditArchX86_64, arguments));
        Assert.Equal(
            stopped ? SeccompH.SECCOMP_RET_USER_NOTIF : SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(s_strict, number, BpfMachine.AuditArchX86_64, arguments));
        if (stopped) Assert.Equal(number == Mmap ? CallKind.Mmap : CallKind.Unmap, TrappedCalls.KindOf(number));
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public void WithTheOptionTheRestIsAsWithout(int number, ulong[] arguments, bool stopped) =>
        Assert.Equal(
            stopped ? SeccompH.SECCOMP_RET_USER_NOTIF : SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(s_strict, number, BpfMachine.AuditArchX86_64, arguments));

    [Theory]
    [MemberData(nameof(Calls))]
    public void WhatCanConcernUsIsStoppedAndNothingElse(int number, ulong[] arguments, bool stopped) =>
        Assert.Equal(
            stopped ? SeccompH.SECCOMP_RET_USER_NOTIF : SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(s_program, number, BpfMachine.AuditArchX86_64, arguments));

    private static readonly WriteRule s_attribute =
        WriteRule.Of([new VirtualFile("/sys/number", () => []) { Store = (_, answer) => answer(Errno.None) }]);

    /// <summary>What writes a number to an attribute, or could.</summary>
    public static TheoryData<int, ulong[], bool> Writes => new()
    {
        { Write, [3, 0, 1], true },
        { Write, [3, 0, 7], true },
        { Write, [3, 0, 8], false }, // as to an eventfd
        { Write, [3, 0, 0x1_0000_0001], false },
        { Writev, [3, 0, 2], true },
        { Writev, [3, 0, 8], false },
        { Pwrite, [3, 0, 2, 0], true },
        { Pwrite, [3, 0, 8, 0], false },
        { Pwrite, [3, 0, 8, Region], true },
        { Pwrite, [3, 0, 0x1_0000_0001, Region], true },
        { Pwrite, [3, 0, 9, ulong.MaxValue], false },
    };

    [Theory]
    [MemberData(nameof(Writes))]
    public void WritesOfANumberAreStoppedWhereAnAttributeTakesOne(int number, ulong[] arguments, bool stopped)
    {
        SockFilter[] program = FilterProgram.Build(writes: s_attribute);
        Assert.Equal(stopped ? SeccompH.SECCOMP_RET_USER_NOTIF : SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(program, number, BpfMachine.AuditArchX86_64, arguments));
        if (number != Pwrite)
            Assert.Equal(SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(s_program, number, BpfMachine.AuditArchX86_64, arguments));
        Assert.NotEqual(CallKind.None, TrappedCalls.KindOf(number));
    }

    /// <summary>A machine with messages of 72 bytes, and an attribute that takes a UUID with or without a
    /// newline.</summary>
    [Theory]
    [InlineData(71, false)]
    [InlineData(72, true)]
    [InlineData(73, false)]
    [InlineData(35, false)]
    [InlineData(36, true)]
    [InlineData(37, true)]
    [InlineData(38, false)]
    [InlineData(1, false)]
    [InlineData(8, false)]
    [InlineData(4096, false)]
    [InlineData(0x1_0000_0048, false)]
    public void WritesOfTheMachinesSizesAreStopped(ulong size, bool stopped)
    {
        VirtualPath[] paths =
        [
            new VirtualDevice(new SamplePaths.SampleNode("/dev/messages", 240, 0, 0x1b6) { MessageSizes = [72] }),
            new VirtualFile("/sys/create", () => [])
            {
                Store = (_, answer) => answer(Errno.None),
                StoreSizes = [37, 36],
            },
        ];
        WriteRule rule = WriteRule.Of(paths);
        Assert.Equal([new SizeRange(36, 37), new SizeRange(72, 72)], rule.Ranges);
        uint expected = stopped ? SeccompH.SECCOMP_RET_USER_NOTIF : SeccompH.SECCOMP_RET_ALLOW;
        SockFilter[] program = FilterProgram.Build(writes: rule), strict = FilterProgram.Build(strict: true, rule);
        Assert.Equal(expected, BpfMachine.Run(program, Write, BpfMachine.AuditArchX86_64, [3, 0, size]));
        Assert.Equal(expected, BpfMachine.Run(strict, Write, BpfMachine.AuditArchX86_64, [3, 0, size]));
        Assert.Equal(expected, BpfMachine.Run(program, Pwrite, BpfMachine.AuditArchX86_64, [3, 0, size, 0]));
        Assert.Equal(SeccompH.SECCOMP_RET_USER_NOTIF,
            BpfMachine.Run(program, Pwrite, BpfMachine.AuditArchX86_64, [3, 0, size, Region]));
    }

    [Fact]
    public void AMachineOfNodesAloneStopsNoVectors()
    {
        WriteRule rule = WriteRule.Of(
            [new VirtualDevice(new SamplePaths.SampleNode("/dev/messages", 240, 0, 0x1b6) { MessageSizes = [72] })]);
        Assert.Equal(SeccompH.SECCOMP_RET_ALLOW, BpfMachine.Run(
            FilterProgram.Build(writes: rule), Writev, BpfMachine.AuditArchX86_64, [3, 0, 1]));
    }

    [Theory]
    [InlineData(1UL << 3 | 1UL << 40, true)]
    [InlineData(1UL << 3, false)]
    [InlineData(0UL, false)]
    public void WritesToWhatOurProgramsCannotOpenAreNotStopped(ulong capabilities, bool stopped)
    {
        var type = new VirtualFile("/sys/type", () => [])
        {
            Store = (_, answer) => answer(Errno.None),
            StoreSizes = [4],
            StoreCapabilities = [3, 40],
            StoresVectors = false,
        };
        SockFilter[] program = FilterProgram.Build(writes: WriteRule.Of([type], capabilities));
        Assert.Equal(stopped ? SeccompH.SECCOMP_RET_USER_NOTIF : SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(program, Write, BpfMachine.AuditArchX86_64, [3, 0, 4]));
        Assert.Equal(SeccompH.SECCOMP_RET_ALLOW,
            BpfMachine.Run(program, Writev, BpfMachine.AuditArchX86_64, [3, 0, 1]));
    }

    [Fact]
    public void KvmsOneIoctlIsServedByItself()
    {
        SeccompData call = new() { Nr = Ioctl };
        call.Args[1] = 0x3b64;
        Assert.Equal(CallKind.Ioctl, TrappedCalls.KindOf(call));
        call.Args[1] = 0xffffffff_00000000 | KvmH.KVM_SET_DEVICE_ATTR;
        Assert.Equal(CallKind.KvmIoctl, TrappedCalls.KindOf(call));
        call.Nr = Openat;
        Assert.Equal(CallKind.Openat, TrappedCalls.KindOf(call));
    }

    [Fact]
    public void OtherConventionsPass()
    {
        const uint I386 = 0x40000003;
        for (int number = 0; number < 512; number++)
        {
            Assert.Equal(SeccompH.SECCOMP_RET_ALLOW, BpfMachine.Run(s_program, number, I386, 3, 0x3b64));
            Assert.Equal(SeccompH.SECCOMP_RET_ALLOW,
                BpfMachine.Run(s_program, number | 0x40000000, BpfMachine.AuditArchX86_64, 3, 0x3b64));
        }
    }

    [Fact]
    public void WhatIsStoppedIsServed()
    {
        for (int number = 0; number < 512; number++)
        {
            bool inTable = false;
            foreach (TrappedCall call in TrappedCalls.All) inTable |= call.Number == number;
            Assert.Equal(inTable, TrappedCalls.KindOf(
                    number) is not (CallKind.None or CallKind.Unmap or CallKind.Write or CallKind.Writev));
            bool stopped = BpfMachine.Run(s_program, number, BpfMachine.AuditArchX86_64, 3, 0x3b64, 0, Region, 5,
                Region) == SeccompH.SECCOMP_RET_USER_NOTIF;
            Assert.Equal(inTable, stopped);
        }

        Assert.Equal(CallKind.None, TrappedCalls.KindOf(-1));
        Assert.Equal(CallKind.None, TrappedCalls.KindOf(int.MaxValue));
    }
}
