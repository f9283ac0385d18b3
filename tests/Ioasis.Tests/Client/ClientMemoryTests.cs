using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Memory;

namespace Ioasis.Tests.Client;

/// <summary>Loans of client memory, and mappings that end with their scope.</summary>
public sealed class ClientMemoryTests : IAsyncDisposable
{
    private readonly SoftwareMachine _machine = SoftwareMachine.Create().With("dmatest").Build();
    private readonly NodeTransport _nodes;

    public ClientMemoryTests() => _nodes = NodeTransport.InProcess(_machine);

    public async ValueTask DisposeAsync()
    {
        await _nodes.DisposeAsync();
        await _machine.DisposeAsync();
    }

    [Fact]
    public void ALoanIsTheMemoryItself()
    {
        using UserMemory memory = _nodes.Allocate(4096);
        using (BorrowedBytes loan = memory.Borrow())
        {
            loan.Span[5] = 7;
            memory.Write(6, (byte)8);
            Assert.Equal((4096, (byte)7, (byte)8), (loan.Span.Length, memory.Read<byte>(5), loan.Span[6]));
        }
    }

    [Fact]
    public void MemoryIsFreedWithItsLastLoan()
    {
        int freed = 0;
        using var block = new HostBlock(4096);
        var memory = new UserMemory(block, () => freed++);
        BorrowedBytes first = memory.Borrow();
        BorrowedBytes second = memory.Borrow();
        memory.Dispose();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.Borrow().Dispose());
        Assert.Throws<ObjectDisposedException>(() => memory.Read<byte>());
        first.Dispose();
        first.Dispose(); // once
        Assert.Equal(0, freed);
        second.Span[0] = 1;
        second.Dispose();
        Assert.Equal(1, freed);
    }

    [Fact]
    public void RegistersAreNotLent()
    {
        using VfioDevice device = VfioDevice.Open(_nodes, _machine.Devices[0].Requester);
        using IommuContext context = IommuContext.Open(_nodes);
        device.Bind(context);
        using MappedRegion buffer = device.GetRegion(2).Map();
        Assert.Throws<NotSupportedException>(() => buffer.Borrow().Dispose());
    }

    [Fact]
    public void AMappingEndsWithItsScope()
    {
        using IommuContext context = IommuContext.Open(_nodes);
        using Ioas ioas = context.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(4096);
        using UserFile file = _nodes.CreateFile(8192);
        Iova address;
        using (IoasMapping mapping = ioas.CreateMapping(memory))
        using (IoasMapping other = ioas.CreateMapping(file))
        {
            address = mapping.Address;
            Assert.Equal((4096ul, 8192ul), (mapping.Length, other.Length));
            IommuException taken = Assert.Throws<IommuException>(() => ioas.Map(memory, at: other.Address));
            Assert.Equal(Errno.EEXIST, taken.Errno);
            Assert.NotNull(taken.Why);
        }

        Assert.Equal(0ul, ioas.UnmapAll());
        Assert.Equal(address, ioas.Map(memory, at: address));
    }

    [Fact]
    public void AMappingThatIsGoneIsDisposedInSilenceAndUnmappedWithAnError()
    {
        using IommuContext context = IommuContext.Open(_nodes);
        using Ioas ioas = context.AllocateIoas();
        using UserMemory memory = _nodes.Allocate(4096);
        IoasMapping first = ioas.CreateMapping(memory), second = ioas.CreateMapping(memory);
        ioas.UnmapAll();
        first.Dispose();
        Assert.Equal(Errno.ENOENT, Assert.Throws<IommuException>(second.Unmap).Errno);
        second.Unmap(); // once
    }
}
