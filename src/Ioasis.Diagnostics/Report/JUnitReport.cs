using System.Globalization;
using System.Xml;

namespace Ioasis.Diagnostics.Report;

/// <summary>
/// JUnit's XML, as Jenkins, GitLab and GitHub's actions read it: a test case for each kind of finding, and one for the
/// program itself. A case has one failure, as its schema wants, with the reports of all its findings.
/// </summary>
internal static class JUnitReport
{
    internal static void Write(CheckReport report, TextWriter output)
    {
        var settings = new XmlWriterSettings { Indent = true, CheckCharacters = false };
        using var xml = XmlWriter.Create(output, settings);
        ILookup<string, ReportedFinding> found = report.Findings.ToLookup(f => f.Kind.Name);
        string tests = Number(report.Kinds.Count + 1), time = Seconds(report.Took);
        int failures = report.Kinds.Count(k => found.Contains(k.Name)) + (report.ProgramFailure is null ? 0 : 1);
        xml.WriteStartElement("testsuites");
        xml.WriteStartElement("testsuite");
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)
        [
            ("name", $"ioasis: {report.Program}"), ("tests", tests), ("failures", Number(failures)), ("errors", "0"),
            ("skipped", "0"), ("time", time), ("hostname", Environment.MachineName),
            ("timestamp", report.Began.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture)),
        ]) xml.WriteAttributeString(name, Clean(value));
        Case(xml, report, "program", time, report.ProgramFailure is { } failure
            ? (failure, string.Join(' ', report.Command))
            : null);
        foreach (string kind in report.Kinds.Select(k => k.Name))
        {
            ReportedFinding[] its = [.. found[kind]];
            Case(xml, report, kind, "0", its.Length == 0 ? null
                : (its[0].What, string.Join("\n\n", its.Select(f => string.Join('\n', f.Lines)))));
        }

        xml.WriteEndElement();
        xml.WriteEndElement();
        xml.Flush();
        output.WriteLine();
    }

    private static void Case(
        XmlWriter xml, CheckReport report, string name, string time, (string Message, string Text)? failure)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("name", name);
        xml.WriteAttributeString("classname", Clean($"ioasis.{report.Program}"));
        xml.WriteAttributeString("time", time);
        if (failure is var (message, text))
        {
            xml.WriteStartElement("failure");
            xml.WriteAttributeString("message", Clean(message));
            xml.WriteAttributeString("type", name);
            xml.WriteString(Clean(text));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    // XML 1.0 has no other control characters.
    private static string Clean(string text) =>
        string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) ? c : '?'));

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture);
}
