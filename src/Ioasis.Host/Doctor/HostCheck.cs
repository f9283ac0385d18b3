namespace Ioasis.Host.Doctor;

/// <summary>What a check of the host came to.</summary>
internal enum Verdict
{
    /// <summary>All of it works.</summary>
    Ok,

    /// <summary><c>run</c> works; some programs or options do not.</summary>
    Warn,

    /// <summary><c>run</c> cannot work.</summary>
    Fail,
}

/// <summary>One thing that <c>run</c> needs of the host.</summary>
/// <param name="Name">Its name, as Linux's.</param>
/// <param name="Verdict">Whether the host has it.</param>
/// <param name="Text">What the host has.</param>
/// <param name="Remedy">What to change, and what does not work until then; null if nothing.</param>
internal sealed record HostCheck(string Name, Verdict Verdict, string Text, string? Remedy = null);
