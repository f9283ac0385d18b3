using Ioasis.Analyzers;

namespace Ioasis.Tests.Analyzers;

/// <summary>What the analyzers find, and what they leave alone; and what the compiler itself refuses.</summary>
public sealed class AnalyzerTests
{
    [Fact]
    public async Task DmaWithinRingIsFound() => Assert.Equal(["11: IOASIS101"],
        await CompiledText.FindingsAsync<DmaInRingAnalyzer>("""
            using Ioasis.Core.Dma; using Ioasis.Devices; using Ioasis.Memory;
            public abstract class Mine : PciDeviceModel
            {
                private DmaPort _port = null!;
                protected DeviceEngine<Iova> Engine = null!;

                public override void Ring(int bar, Register register, ulong value)
                {
                    System.Action later = () => _port.Write(new Iova(value), new byte[8]);
                    Engine.TryStart(new Iova(value));
                    _port.Read(new Iova(value), new byte[8]);
                }

                private void Work(Iova at) => _port.Read(at, new byte[8]);
            }
            """));

    [Fact]
    public async Task AnAddressMadeFromAnotherKindIsFound() => Assert.Equal(["4: IOASIS102", "5: IOASIS102"],
        await CompiledText.FindingsAsync<MixedAddressAnalyzer>("""
            using Ioasis.Client; using Ioasis.Memory;
            public static class Mine
            {
                public static Iova A(UserMemory memory) => new(memory.Address.Value);
                public static Hva B(Iova at) => new Hva(4096 + at.Value);
                public static Iova C(Iova at, ulong raw) => new Iova(at.Value + raw);
                public static Gpa D(ulong raw) => new(raw);
            }
            """));

    [Fact]
    public async Task WhatNobodyDisposesOfIsFound() => Assert.Equal(["6: IOASIS103", "7: IOASIS103"],
        await CompiledText.FindingsAsync<NotDisposedAnalyzer>("""
            using Ioasis.Client; using Ioasis.Memory;
            public sealed class Mine
            {
                public static void A(IommuContext context, UserMemory memory, VfioDevice device)
                {
                    Ioas leaked = context.AllocateIoas();
                    var mapping = leaked.CreateMapping(memory);
                    device.Attach(leaked);
                    System.Console.WriteLine(mapping.Address);
                }

                private Ioas? _kept;

                public static Ioas B(IommuContext context) { Ioas made = context.AllocateIoas(); return made; }
                public void C(IommuContext context) { Ioas made = context.AllocateIoas(); _kept = made; }
                public static void D(IommuContext context) { Ioas made = context.AllocateIoas(); made.Destroy(); }
                public static void E(IommuContext context) { using Ioas made = context.AllocateIoas(); }
                public static void F(IommuContext context) { using (Ioas made = context.AllocateIoas()) { } }
                public static void G(IommuContext context) { Ioas made = context.AllocateIoas(); Own(made); }
                private static void Own(Ioas ioas) => ioas.Dispose();
            }
            """));

    [Fact]
    public void ABorrowedSpanCannotLeaveItsLoan() => Assert.Equal(["7", "14"],
        CompiledText.ErrorLines("""
            using System; using Ioasis.Client; using Ioasis.Memory;
            public static class Mine
            {
                public static Span<byte> Escapes(UserMemory memory)
                {
                    using BorrowedBytes loan = memory.Borrow();
                    return loan.Span;
                }

                public static void Outlives(UserMemory memory)
                {
                    scoped Span<byte> bytes;
                    using (BorrowedBytes loan = memory.Borrow())
                        bytes = loan.Span;
                    bytes[0] = 1;
                }

                public static byte Stays(UserMemory memory)
                {
                    using BorrowedBytes loan = memory.Borrow();
                    Span<byte> bytes = loan.Span;
                    return bytes[0];
                }
            }
            """));
}
