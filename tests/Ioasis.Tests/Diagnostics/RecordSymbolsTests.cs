using Ioasis.Diagnostics.Record;

namespace Ioasis.Tests.Diagnostics;

/// <summary>The names of a recording, where calls of several threads overlap and numbers come again.</summary>
public sealed class RecordSymbolsTests
{
    private const string Context = "file1";
    private readonly RecordSymbols _symbols = new();

    [Fact]
    public void A_call_names_what_had_the_number_when_it_began()
    {
        Assert.Equal("fault1", _symbols.Add(Context, 2, "fault", null, from: 10));
        // destroyed by a call that has not ended yet; another object gets the number
        Assert.Equal("fault2", _symbols.Add(Context, 2, "fault", null, from: 30));
        Assert.Equal("fault2", _symbols.NameOf(Context, 2, at: 31));
        Assert.Equal("fault1", _symbols.NameOf(Context, 2, at: 20));
        _symbols.Remove(Context, 2, at: 20, until: 40); // the call that destroyed the first
        Assert.Equal("fault2", _symbols.NameOf(Context, 2, at: 41));
        Assert.Equal("fault2", _symbols.NameOf(Context, 2));
        _symbols.Remove(Context, 2, at: 45, until: 50);
        Assert.Equal("fault2", _symbols.NameOf(Context, 2, at: 49)); // too late, and still this one
        Assert.Null(_symbols.NameOf(Context, 2, at: 51));
        Assert.Null(_symbols.NameOf(Context, 2));
        Assert.Null(_symbols.NameOf(Context, 2, at: 5));
    }

    [Fact]
    public void Where_calls_do_not_overlap_the_newest_counts()
    {
        _symbols.Add(Context, 2, "ioas", "ioas7");
        _symbols.Add(Context, 2, "hwpt", null);
        Assert.Equal("hwpt1", _symbols.NameOf(Context, 2));
        Assert.True(_symbols.TryNumber("ioas7", out ulong number));
        Assert.Equal(2ul, number);
        _symbols.Remove(Context, 2);
        Assert.Null(_symbols.NameOf(Context, 2));
        Assert.Equal("hwpt2", _symbols.Add(Context, 2, "hwpt", null));
        Assert.Equal("hwpt2", _symbols.NameOf(Context, 2));
    }

    [Fact]
    public void Former_names_are_bounded()
    {
        for (int i = 0; i < 100_000; i++) _symbols.Add(Context, 2, "fault", null, from: 10 * i);
        Assert.Equal("fault100000", _symbols.NameOf(Context, 2));
        Assert.Equal("fault99999", _symbols.NameOf(Context, 2, at: (10 * 99_998) + 5));
        Assert.Null(_symbols.NameOf(Context, 2, at: 5));
    }
}
